import { useEffect, useState } from 'react';
import { type Place, placeQuery, readPlace } from './place.ts';

const readHere = () => readPlace(new URL(location.href));

/** What the page shows, kept in its address, and a way to go somewhere else. */
export function usePlace(): [Place, (next: Place) => void] {
  const [place, setPlace] = useState(readHere);
  useEffect(() => {
    history.replaceState(null, '', placeQuery(place));
  }, [place]);
  useEffect(() => {
    const onBack = () => setPlace(readHere());
    addEventListener('popstate', onBack);
    return () => removeEventListener('popstate', onBack);
  }, []);
  const go = (next: Place) => {
    history.pushState(null, '', placeQuery(next));
    setPlace(next);
  };
  return [place, go];
}
