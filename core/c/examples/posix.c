/*
 * An echo server on BSD sockets and poll(): what a port of echo_core.h to a TCP stack looks like.
 * `pump` is the contract's five steps but for the wait, which is in `main`.
 *
 *     posix [--rfc862] [--one-shot] [--timeout MILLISECONDS] [PORT]
 *
 * It serves until SIGINT or SIGTERM. Port 0 takes a free one; the first line says which.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "echo_core.h"

enum {
    PORT = 2333,
    PLACES = 128, /* further connections wait in the listener's backlog */
    ROUNDS = 16,  /* of one connection, before others have a turn */
    REST = 100    /* milliseconds until accept is tried again after it failed */
};

struct connection {
    int socket; /* -1: the place is free */
    bool shut;
    echo_session session;
};

static struct connection places[PLACES];
static int wakes[2];

static void on_signal(int number)
{
    /* A pipe that is full wakes poll() as well. */
    ssize_t ignored = write(wakes[1], "", 1);
    (void)ignored;
    (void)number;
}

static uint64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void fail(const char *what)
{
    fprintf(stderr, "cannot %s: %s\n", what, strerror(errno));
    exit(3);
}

static bool is_again(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* Moves what can be moved now. False: the connection is over, or broken. */
static bool pump(struct connection *connection, uint64_t now)
{
    static uint8_t scratch[2048];
    echo_session *session = &connection->session;

    for (int round = 0; round < ROUNDS; round++) {
        /* 1. write */
        const uint8_t *bytes;
        size_t count;
        while ((count = echo_to_send(session, &bytes)) > 0) {
            ssize_t sent = send(connection->socket, bytes, count, 0);
            if (sent >= 0)
                echo_sent(session, now, (size_t)sent);
            else if (is_again(errno))
                break;
            else if (errno != EINTR)
                return false;
        }
        /* 2. read, never with an empty buffer: 0 would look like a FIN */
        size_t room = echo_room(session);
        if (room > sizeof scratch)
            room = sizeof scratch;
        if (room == 0)
            break;
        ssize_t received = recv(connection->socket, scratch, room, 0);
        if (received > 0) {
            echo_received(session, now, scratch, (size_t)received);
            /* a short read: that was all, and what the echo provokes is another message */
            if ((size_t)received < room)
                echo_quiet(session, now);
        } else if (received == 0) {
            echo_eof(session, now);
            break;
        } else if (is_again(errno)) {
            echo_quiet(session, now);
            break;
        } else if (errno != EINTR) {
            return false;
        }
    }
    /* 3. time */
    echo_timeout(session, now);
    /* 4. finish */
    if (echo_finished(session) && !connection->shut) {
        connection->shut = true;
        /* If the peer is gone there is nobody to tell; the next read says so. */
        shutdown(connection->socket, SHUT_WR);
    }
    return echo_end(session) == ECHO_OPEN;
}

/* Takes a connection that waits, if there is one and a place for it. False: accept is not to be
 * tried again at once. */
static bool take(int listener, struct connection *place, const echo_rules *rules, uint64_t now)
{
    int socket = accept(listener, NULL, NULL);
    if (socket < 0) {
        if (is_again(errno) || errno == EINTR || errno == ECONNABORTED)
            return true;
        fprintf(stderr, "cannot accept a connection: %s\n", strerror(errno));
        return false;
    }
    /* Urgent data is data: without OOBINLINE it would be missing from the echo. And without
     * NODELAY the end of a message would wait until the peer acknowledges its beginning. */
    int yes = 1;
    if (fcntl(socket, F_SETFL, O_NONBLOCK) < 0 ||
        setsockopt(socket, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes) < 0 ||
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) < 0) {
        fprintf(stderr, "cannot serve a connection: %s\n", strerror(errno));
        close(socket);
        return true;
    }
    if (!echo_open(&place->session, now, rules)) {
        fprintf(stderr, "libecho_core_c.a was built for another echo_core.h\n");
        exit(3);
    }
    place->socket = socket;
    place->shut = false;
    return true;
}

static int listen_on(uint16_t port)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    struct sockaddr_in address;
    socklen_t size = sizeof address;

    if (listener < 0)
        fail("make a socket");
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    address.sin_port = htons(port);
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
        bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 100) < 0 ||
        fcntl(listener, F_SETFL, O_NONBLOCK) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        fail("listen");
    printf("Echo server on port %u\n", ntohs(address.sin_port));
    if (fflush(stdout) != 0)
        fail("print the port");
    return listener;
}

static unsigned long number(const char *text, unsigned long most)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value > most) {
        fprintf(stderr, "\"%s\" is no number up to %lu\n", text, most);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    echo_rules rules = {0, 0, 0};
    uint16_t port = PORT;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rfc862") == 0)
            rules.rfc862 = 1;
        else if (strcmp(argv[i], "--one-shot") == 0)
            rules.one_shot = 1;
        else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc)
            rules.idle = (uint32_t)number(argv[++i], UINT32_MAX);
        else
            port = (uint16_t)number(argv[i], UINT16_MAX);
    }

    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_signal;
    if (pipe(wakes) < 0 || fcntl(wakes[1], F_SETFL, O_NONBLOCK) < 0 ||
        sigaction(SIGINT, &action, NULL) < 0 || sigaction(SIGTERM, &action, NULL) < 0)
        fail("catch signals");
    action.sa_handler = SIG_IGN;
    if (sigaction(SIGPIPE, &action, NULL) < 0)
        fail("ignore SIGPIPE");

    int listener = listen_on(port);
    uint64_t accept_at = 0;
    for (int i = 0; i < PLACES; i++)
        places[i].socket = -1;

    for (;;) {
        /* 5. wait */
        struct pollfd polled[PLACES + 2];
        struct connection *vacant = NULL;
        uint64_t now = now_ms();
        uint64_t next = ECHO_NEVER;
        for (int i = 0; i < PLACES; i++) {
            struct connection *place = &places[i];
            const uint8_t *bytes;
            polled[i].fd = place->socket;
            polled[i].events = 0;
            if (place->socket < 0) {
                vacant = place;
                continue;
            }
            if (echo_room(&place->session) > 0)
                polled[i].events |= POLLIN;
            if (echo_to_send(&place->session, &bytes) > 0)
                polled[i].events |= POLLOUT;
            if (echo_deadline(&place->session) < next)
                next = echo_deadline(&place->session);
        }
        bool accepts = vacant != NULL && now >= accept_at;
        if (vacant != NULL && !accepts && accept_at < next)
            next = accept_at;
        polled[PLACES].fd = accepts ? listener : -1;
        polled[PLACES].events = POLLIN;
        polled[PLACES + 1].fd = wakes[0];
        polled[PLACES + 1].events = POLLIN;
        int wait = -1;
        if (next != ECHO_NEVER)
            wait = next <= now ? 0 : next - now < INT_MAX ? (int)(next - now) : INT_MAX;
        if (poll(polled, PLACES + 2, wait) < 0) {
            if (errno == EINTR)
                continue;
            fail("wait");
        }
        if (polled[PLACES + 1].revents != 0)
            break;
        now = now_ms();
        for (int i = 0; i < PLACES; i++) {
            struct connection *place = &places[i];
            if (place->socket < 0 ||
                (polled[i].revents == 0 && echo_deadline(&place->session) > now))
                continue;
            if (!pump(place, now)) {
                close(place->socket);
                place->socket = -1;
            }
        }
        if (polled[PLACES].revents != 0 && !take(listener, vacant, &rules, now))
            accept_at = now + REST;
    }

    for (int i = 0; i < PLACES; i++)
        if (places[i].socket >= 0)
            close(places[i].socket);
    close(listener);
    return 0;
}
