/* Echo server in C: epoll, one thread, TCP.  cc -O2 -o echo examples/echo.c && ./echo 8000 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[65536];

/* Echo one chunk; return 0 when the client has closed. Blocks while the client does not read: enough for an example. */
static int answer(int client)
{
    ssize_t got = recv(client, buffer, sizeof buffer, 0);
    for (ssize_t sent = 0; sent < got;) {
        ssize_t n = send(client, buffer + sent, (size_t)(got - sent), MSG_NOSIGNAL);
        if (n < 0)
            return 0;
        sent += n;
    }
    return got > 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN}, ready[256];
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poller = epoll_create1(0);

    address.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 8000));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        perror("cannot listen");
        return 1;
    }
    event.data.fd = listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poller, ready, 256, -1);
        for (int k = 0; k < count; k++) {
            int fd = ready[k].data.fd;
            if (fd == listener) {
                event.data.fd = accept(listener, NULL, NULL);
                if (event.data.fd >= 0)
                    epoll_ctl(poller, EPOLL_CTL_ADD, event.data.fd, &event);
            } else if (!answer(fd)) {
                close(fd);
            }
        }
    }
}
