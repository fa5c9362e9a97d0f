/*
 * An echo server on lwIP's raw API: what a port of echo_core.h to a stack with callbacks looks
 * like. lwIP's callbacks tell what has happened, and call `pump`: the contract's five steps but
 * for the wait, which is your main loop's. This file is for any board; lwip_tap.c runs it on
 * Linux.
 */
#include "lwip/pbuf.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"

#include "echo_core.h"
#include "lwip.h"

/* Connections at the same time; further ones are reset. */
#ifndef LWIP_ECHO_PLACES
#define LWIP_ECHO_PLACES 128
#endif

/* A pbuf counts the bytes of its chain with 16 bits: more must not come into `input`. And what
 * can be written is counted with 16 bits below. */
#if TCP_WND > 0xffff || TCP_SND_BUF > 0xffff
#error "the window, or the send buffer, is too large for 16 bits"
#endif

struct connection {
    struct tcp_pcb *pcb; /* NULL: the place is free */
    struct pbuf *input;  /* what there was no room for */
    bool fin;            /* the peer's FIN came, after `input` */
    bool shut;
    echo_session session;
};

static struct connection places[LWIP_ECHO_PLACES];
static echo_rules rules;
static struct tcp_pcb *listener;

static uint64_t now_ms(void)
{
    static echo_clock clock;
    return echo_clock_now(&clock, sys_now());
}

static void forget(struct connection *connection)
{
    if (connection->input != NULL)
        pbuf_free(connection->input);
    connection->input = NULL;
    connection->pcb = NULL;
}

/* 2. read: all that has come, and that nothing else has for now. Only what was taken opens the
 * window again: that is the back-pressure. */
static void read_input(struct connection *connection, uint64_t now)
{
    echo_session *session = &connection->session;
    size_t room;

    while (connection->input != NULL && (room = echo_room(session)) > 0) {
        struct pbuf *first = connection->input;
        u16_t count = room < first->len ? (u16_t)room : first->len;
        echo_received(session, now, first->payload, count);
        tcp_recved(connection->pcb, count);
        if (count < first->len) {
            pbuf_remove_header(first, count);
        } else {
            connection->input = first->next;
            if (first->next != NULL)
                pbuf_ref(first->next);
            pbuf_free(first);
        }
    }
    if (connection->input == NULL) {
        if (connection->fin)
            echo_eof(session, now);
        else
            echo_quiet(session, now);
    }
}

/* 1. write: what lwIP takes. If it has no memory left, `on_sent` or `on_poll` tries again. */
static void write_output(struct connection *connection, uint64_t now)
{
    const uint8_t *bytes;
    size_t count;

    while ((count = echo_to_send(&connection->session, &bytes)) > 0) {
        u16_t most = tcp_sndbuf(connection->pcb);
        u16_t taken = count < most ? (u16_t)count : most;
        if (taken == 0 ||
            tcp_write(connection->pcb, bytes, taken, TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
        echo_sent(&connection->session, now, taken);
    }
}

/* 4. finish. What fails here fails for want of memory, and `on_poll` tries again. */
static err_t finish(struct connection *connection)
{
    struct tcp_pcb *pcb = connection->pcb;
    uint8_t end = echo_end(&connection->session);

    if (end != ECHO_OPEN && (end == ECHO_TIMED_OUT || !connection->fin) &&
        tcp_sndqueuelen(pcb) > 0) {
        /* The peer has taken nothing for too long: lwIP would keep the rest for ever. */
        tcp_arg(pcb, NULL);
        forget(connection);
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    if (echo_finished(&connection->session) && !connection->shut)
        connection->shut = tcp_shutdown(pcb, 0, 1) == ERR_OK;
    if (end != ECHO_OPEN && connection->shut) {
        /* From here on it is lwIP's own, which may call back, and frees it when it likes. */
        tcp_arg(pcb, NULL);
        if (tcp_close(pcb) == ERR_OK)
            forget(connection);
        else
            tcp_arg(pcb, connection);
    }
    return ERR_OK;
}

/* Moves what can be moved now, after anything happened. */
static err_t pump(struct connection *connection)
{
    uint64_t now = now_ms();

    do {
        read_input(connection, now);
        write_output(connection, now);
    } while (connection->input != NULL && echo_room(&connection->session) > 0);
    tcp_output(connection->pcb);
    /* 3. time */
    echo_timeout(&connection->session, now);
    return finish(connection);
}

static err_t on_received(void *argument, struct tcp_pcb *pcb, struct pbuf *input, err_t error)
{
    struct connection *connection = argument;
    (void)pcb;
    (void)error;
    if (connection == NULL) {
        if (input != NULL)
            pbuf_free(input);
        return ERR_OK;
    }
    /* Kept, not refused: lwIP would offer it again only after 250 ms. */
    if (input == NULL)
        connection->fin = true;
    else if (connection->input == NULL)
        connection->input = input;
    else
        pbuf_cat(connection->input, input);
    return pump(connection);
}

static err_t on_sent(void *argument, struct tcp_pcb *pcb, u16_t count)
{
    struct connection *connection = argument;
    (void)pcb;
    (void)count;
    if (connection == NULL)
        return ERR_OK;
    echo_delivered(&connection->session, now_ms());
    return pump(connection);
}

static err_t on_poll(void *argument, struct tcp_pcb *pcb)
{
    (void)pcb;
    return argument != NULL ? pump(argument) : ERR_OK;
}

/* Reset, or given up by lwIP, which has freed the pcb. */
static void on_error(void *argument, err_t error)
{
    (void)error;
    if (argument != NULL)
        forget(argument);
}

static err_t on_accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct connection *place = places;
    (void)argument;
    if (error != ERR_OK || pcb == NULL)
        return ERR_VAL;
    while (place < places + LWIP_ECHO_PLACES && place->pcb != NULL)
        place++;
    if (place == places + LWIP_ECHO_PLACES || !echo_open(&place->session, now_ms(), &rules))
        return ERR_MEM;
    place->pcb = pcb;
    place->fin = false;
    place->shut = false;
    /* Or the end of a message would wait until the peer acknowledges its beginning. */
    tcp_nagle_disable(pcb);
    tcp_arg(pcb, place);
    tcp_recv(pcb, on_received);
    tcp_sent(pcb, on_sent);
    tcp_poll(pcb, on_poll, 1);
    tcp_err(pcb, on_error);
    return ERR_OK;
}

bool lwip_echo_listen(u16_t port, const echo_rules *wanted)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    rules = *wanted;
    /* Whether the library fits this header is seen here, not at the first connection. */
    if (pcb == NULL || !echo_open(&places[0].session, 0, &rules) ||
        tcp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK || (listener = tcp_listen(pcb)) == NULL)
        return false;
    tcp_accept(listener, on_accepted);
    return true;
}

u32_t lwip_echo_sleeptime(void)
{
    uint64_t now = now_ms();
    uint64_t next = ECHO_NEVER;

    for (int i = 0; i < LWIP_ECHO_PLACES; i++)
        if (places[i].pcb != NULL && echo_deadline(&places[i].session) < next)
            next = echo_deadline(&places[i].session);
    if (next <= now)
        return 0;
    return next - now < UINT32_MAX ? (u32_t)(next - now) : UINT32_MAX;
}

void lwip_echo_poll(void)
{
    uint64_t now = now_ms();

    for (int i = 0; i < LWIP_ECHO_PLACES; i++)
        if (places[i].pcb != NULL && echo_deadline(&places[i].session) <= now)
            pump(&places[i]);
}

void lwip_echo_stop(void)
{
    for (int i = 0; i < LWIP_ECHO_PLACES; i++)
        if (places[i].pcb != NULL)
            tcp_abort(places[i].pcb);
    tcp_close(listener);
}
