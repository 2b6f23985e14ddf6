/* A native library that ends its process in the ways that native libraries do. */
#include <stdlib.h>
#include <unistd.h>

static volatile char *nowhere;

static int deeper(volatile int depth) {
    volatile char frame[4096];
    frame[0] = (char)depth;
    return deeper(depth + 1) + frame[0];
}

double predict(double x) {
    switch ((int)x) {
    case -1:
        return nowhere[0];
    case -2:
        abort();
    case -3:
        exit(3);
    case -4:
        return deeper(0);
    case -5:
        for (;;)
            pause();
    default:
        return 2 * x;
    }
}
