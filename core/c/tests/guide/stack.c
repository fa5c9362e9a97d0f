/*
 * What the guide in echo_core.h leaves to its reader, so that its code can be compiled and run:
 * a stack that gives notice of a change once, and a task that sleeps until then.
 *
 *     guide [--rfc862] [--one-shot] [--timeout MILLISECONDS] PORT
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "echo_core.h"
#include "stack.h"

extern echo_rules rules;

static int news, listener;

static void must(bool holds, const char *what)
{
    if (!holds)
        stack_panic(what);
}

static void watch(int descriptor)
{
    struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {0}};
    event.data.fd = descriptor;
    must(epoll_ctl(news, EPOLL_CTL_ADD, descriptor, &event) == 0, "watch");
}

void stack_panic(const char *why)
{
    perror(why);
    exit(3);
}

/* They wrap two seconds after the start. */
uint32_t stack_ticks(void)
{
    static time_t start;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (start == 0)
        start = now.tv_sec;
    return (uint32_t)(now.tv_sec - start) * 1000 + (uint32_t)now.tv_nsec / 1000000 - 2000;
}

bool stack_accept(stack_socket *socket)
{
    int yes = 1;
    *socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (*socket < 0)
        return false;
    must(setsockopt(*socket, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes) == 0 &&
             setsockopt(*socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0,
         "set an option");
    watch(*socket);
    return true;
}

int stack_read(stack_socket socket, uint8_t *bytes, size_t room)
{
    ssize_t count = recv(socket, bytes, room, 0);
    if (count == 0)
        return STACK_FIN;
    return count < 0 && errno == EAGAIN ? 0 : (int)count;
}

int stack_write(stack_socket socket, const uint8_t *bytes, size_t count)
{
    ssize_t sent = send(socket, bytes, count, MSG_NOSIGNAL);
    return sent < 0 && errno == EAGAIN ? 0 : (int)sent;
}

void stack_shut(stack_socket socket)
{
    shutdown(socket, SHUT_WR);
}

void stack_close(stack_socket socket)
{
    close(socket);
}

static void start(uint16_t port)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    news = epoll_create1(0);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    must(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 100) == 0 &&
             getsockname(listener, (struct sockaddr *)&address, &size) == 0,
         "listen");
    watch(listener);
    printf("Echo server on port %u\n", ntohs(address.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int asked = signalfd(-1, &signals, 0);

    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--rfc862") == 0)
            rules.rfc862 = 1;
        else if (strcmp(argv[i], "--one-shot") == 0)
            rules.one_shot = 1;
        else if (strcmp(argv[i], "--timeout") == 0)
            rules.idle = (uint32_t)atoi(argv[++i]);
    }
    must(argc > 1, "a port");
    start((uint16_t)atoi(argv[argc - 1]));
    watch(asked);

    static echo_clock ticks;
    struct epoll_event event;
    int count = 0;
    while (count <= 0 || event.data.fd != asked) {
        uint64_t next = echo_turn();
        uint64_t now = echo_clock_now(&ticks, stack_ticks());
        int wait = -1;
        if (next != ECHO_NEVER)
            wait = next <= now ? 0 : next - now < INT_MAX ? (int)(next - now) : INT_MAX;
        count = epoll_wait(news, &event, 1, wait);
    }
    return 0;
}
