/* Loaded before everything else into the server: what its disk does to it.
 *
 * RIG_DIE names a file: once it is there, the process dies before the n-th call that would reach the disk, n being
 * what stands in the file.
 * RIG_FAIL names a file: as long as it is there, nothing of the data file and its log reaches the disk, and whoever
 * waits for it is told EIO.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long left = -1;

static int is_file(int descriptor) {
    struct stat found;
    return fstat(descriptor, &found) == 0 && S_ISREG(found.st_mode);
}

/* One call nearer to the end. */
static void count(int descriptor) {
    const char *path = getenv("RIG_DIE");
    if (path == NULL || !is_file(descriptor)) {
        return;
    }
    if (atomic_load(&left) < 0) {
        FILE *file = fopen(path, "r");
        long calls = -1;
        if (file == NULL) {
            return;
        }
        if (fscanf(file, "%ld", &calls) == 1 && calls > 0) {
            long unset = -1;
            atomic_compare_exchange_strong(&left, &unset, calls);
        }
        fclose(file);
        if (atomic_load(&left) < 0) {
            return;
        }
    }
    if (atomic_fetch_sub(&left, 1) == 1) {
        kill(getpid(), SIGKILL);
        pause();
    }
}

/* Whether this file is one whose sync is to fail now. */
static int fails(int descriptor) {
    const char *path = getenv("RIG_FAIL");
    char link[64], name[4096];
    ssize_t length;
    if (path == NULL || access(path, F_OK) != 0) {
        return 0;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    length = readlink(link, name, sizeof name - 1);
    if (length < 0) {
        return 0;
    }
    name[length] = '\0';
    return strstr(name, "/rosterd.db") != NULL;
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, #name))

#define WRITES(name, offset)                                                          \
    ssize_t name(int descriptor, const void *bytes, size_t size, offset at) {         \
        static ssize_t (*real)(int, const void *, size_t, offset);                    \
        if (real == NULL) {                                                           \
            real = REAL(name, ssize_t(*)(int, const void *, size_t, offset));         \
        }                                                                             \
        count(descriptor);                                                            \
        return real(descriptor, bytes, size, at);                                     \
    }

#define CUTS(name, offset)                                                            \
    int name(int descriptor, offset size) {                                           \
        static int (*real)(int, offset);                                              \
        if (real == NULL) {                                                           \
            real = REAL(name, int (*)(int, offset));                                  \
        }                                                                             \
        count(descriptor);                                                            \
        return real(descriptor, size);                                                \
    }

#define SYNCS(name)                                                                   \
    int name(int descriptor) {                                                        \
        static int (*real)(int);                                                      \
        if (real == NULL) {                                                           \
            real = REAL(name, int (*)(int));                                          \
        }                                                                             \
        count(descriptor);                                                            \
        if (fails(descriptor)) {                                                      \
            errno = EIO;                                                              \
            return -1;                                                                \
        }                                                                             \
        return real(descriptor);                                                      \
    }

WRITES(pwrite, off_t)
WRITES(pwrite64, off64_t)
CUTS(ftruncate, off_t)
CUTS(ftruncate64, off64_t)
SYNCS(fsync)
SYNCS(fdatasync)

ssize_t write(int descriptor, const void *bytes, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (real == NULL) {
        real = REAL(write, ssize_t(*)(int, const void *, size_t));
    }
    count(descriptor);
    return real(descriptor, bytes, size);
}
