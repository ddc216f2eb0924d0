throw new Error(`no connection with ${process.env['OUTLAST_MODEL_API_KEY']}`);
