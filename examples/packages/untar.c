/* Unpacks a tape archive from its standard input: busybox refuses those without a magic number, in which GNU ships. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

static char block[512], name[4096], target[4096];

static int next(void) { return fread(block, 1, 512, stdin) == 512; }

static void fail(const char *what) {
  fprintf(stderr, "untar: %s: %s\n", what, name);
  exit(1);
}

static void parents(char *path) {
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(path, 0755);
    *slash = '/';
  }
}

/* What is behind a header and belongs to it, as text. */
static void text(char *to, long size) {
  if (size >= (long)sizeof name) fail("name too long");
  for (long at = 0; at < size; at += 512) {
    if (!next()) fail("cut off");
    memcpy(to + at, block, size - at < 512 ? size - at : 512);
  }
  to[size] = 0;
}

int main(void) {
  int long_name = 0, long_target = 0;
  while (next() && block[0]) {
    long size = strtol(block + 124, 0, 8), mode = strtol(block + 100, 0, 8), date = strtol(block + 136, 0, 8);
    char type = block[156];
    if (!long_name) {
      int prefix = !memcmp(block + 257, "ustar\0", 6) && block[345];
      sprintf(name, "%.155s%s%.100s", prefix ? block + 345 : "", prefix ? "/" : "", block);
    }
    if (!long_target) sprintf(target, "%.100s", block + 157);
    if (type == 'L') { text(name, size); long_name = 1; continue; }
    if (type == 'K') { text(target, size); long_target = 1; continue; }
    parents(name);
    if (type == '5') mkdir(name, 0755);
    else if (type == '2') { if (symlink(target, name)) fail("symlink"); }
    else if (type == '1') { if (link(target, name)) fail("link"); }
    else {
      FILE *file = type == '0' || type == 0 ? fopen(name, "w") : fopen("/dev/null", "w");
      if (!file) fail("cannot write");
      for (long left = size; left > 0; left -= 512) {
        if (!next()) fail("cut off");
        fwrite(block, 1, left < 512 ? left : 512, file);
      }
      if (fclose(file)) fail("cannot write");
      /* Makefiles compare the dates of what is generated and what from. */
      struct utimbuf times = {date, date};
      if (type == '0' || type == 0) { chmod(name, mode & 0755); utime(name, &times); }
    }
    long_name = long_target = 0;
  }
  return 0;
}
