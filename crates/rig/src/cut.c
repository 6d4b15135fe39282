/* Cuts the power of a mounted ext4: from now on nothing reaches its device. The argument is a folder in it. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* EXT4_IOC_SHUTDOWN, and its way that does not even write the journal. */
#define SHUTDOWN _IOR('X', 125, uint32_t)
#define WITHOUT_LOG 2

int main(int count, char **arguments) {
    uint32_t how = WITHOUT_LOG;
    int folder = count == 2 ? open(arguments[1], O_RDONLY | O_DIRECTORY) : -1;
    if (folder < 0 || ioctl(folder, SHUTDOWN, &how) != 0) {
        perror("cut");
        return 1;
    }
    return 0;
}
