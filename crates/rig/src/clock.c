/* Loaded before everything else into the server: turns its clocks while it runs.
 *
 * RIG_CLOCK names a file of two 64-bit numbers: how many seconds the clock that people know is ahead, and how many that
 * of deadlines is. It is looked at each time.
 *
 * libfaketime would do, but it ends up in itself when the allocator asks for the time, as ours does
 * (wolfcw/libfaketime#130). This allocates nothing and asks the kernel directly.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *ahead;

__attribute__((constructor)) static void find(void) {
    const char *path = getenv("RIG_CLOCK");
    int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *shared = file < 0 ? MAP_FAILED : mmap(NULL, 2 * sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (shared == MAP_FAILED) {
        abort();
    }
    ahead = shared;
    close(file);
}

static long ask(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    long answer;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(answer)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return answer;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
#else
#error "not written for this processor"
#endif
}

static long told(long answer) {
    if (answer < 0) {
        errno = (int)-answer;
        return -1;
    }
    return answer;
}

static int64_t offset(clockid_t clock) {
    if (ahead == NULL) {
        return 0;
    }
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return ahead[0];
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        return ahead[1];
    default:
        return 0;
    }
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    long answer = ask(SYS_clock_gettime, clock, (long)at, 0, 0, 0, 0);
    if (answer == 0) {
        at->tv_sec += offset(clock);
    }
    return (int)told(answer);
}

/* Who waits until a moment means it by the turned clock; the kernel does not know that one. */
long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long a[6];
    for (int i = 0; i < 6; i++) {
        a[i] = va_arg(list, long);
    }
    va_end(list);
    struct timespec until;
    if (number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && a[3] != 0) {
        until = *(const struct timespec *)a[3];
        until.tv_sec -= offset((a[1] & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC);
        if (until.tv_sec < 0) {
            until.tv_sec = 0;
        }
        a[3] = (long)&until;
    }
    return told(ask(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}
