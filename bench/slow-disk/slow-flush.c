/*
 * Loaded into Postgres (LD_PRELOAD): each flush takes SLOW_FLUSH_US microseconds longer, as on a disk that is
 * reached over a network.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static void wait_for_disk(void) {
  static long us = -1;
  if (us < 0) {
    const char *text = getenv("SLOW_FLUSH_US");
    us = text == NULL ? 0 : atol(text);
  }
  struct timespec left = {us / 1000000, us % 1000000 * 1000};
  while (nanosleep(&left, &left) == -1 && errno == EINTR) {
  }
}

int fsync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_for_disk();
  return real(fd);
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_for_disk();
  return real(fd);
}
