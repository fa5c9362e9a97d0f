/*
 * echo_core.h: an RFC 862 echo server for your TCP stack, in C (C99 and later, C++).
 *
 * It knows no socket, no clock and no heap, calls nothing back and has no global state. You own
 * the connection, the clock and the wait; a session decides the rest: back-pressure, half-close,
 * the idle limit, the word `exit`, and closing without losing the end of an echo.
 *
 *
 * ON YOUR BOARD IN AN HOUR
 *
 * 1. Build the library for your processor, and show this header to your compiler. Both have to
 *    be told the same ECHO_BUFFER, the bytes of a session's buffer, if it is not to be 1024:
 *
 *        cd core/c
 *        rustup target add thumbv7em-none-eabihf
 *        ECHO_BUFFER=512 cargo build --release --target thumbv7em-none-eabihf
 *        arm-none-eabi-gcc -DECHO_BUFFER=512 -Iinclude -Wl,--gc-sections YOUR.c
 *            target/thumbv7em-none-eabihf/release/libecho_core_c.a
 *
 *    On a Cortex-M3 it takes 4.1 KB of flash; 1.5 KB of them are functions of memory (memcpy,
 *    memmove, bcmp) and a 64-bit division, which stay out where your program, or a library before
 *    this one, has its own. It has no variables, calls nothing else, and takes less than 256 bytes
 *    of stack.
 *
 * 2. Storage: an `echo_session` for each connection, wherever you like, static for instance. It
 *    is ECHO_BUFFER + 168 bytes. It owns nothing: to be rid of one, forget it.
 *
 * 3. Clock: milliseconds in 64 bits that never run backwards, from whatever zero. A counter of 32
 *    bits (sys_now, HAL_GetTick, xTaskGetTickCount) wraps, if it counts milliseconds after 49.7
 *    days: `echo_clock_now` extends it. If it counts something else, extend it first and convert
 *    then: `echo_clock_now(&clock, xTaskGetTickCount()) * 1000 / configTICK_RATE_HZ`.
 *
 * 4. The five steps. Listen on a port, and `echo_open` a session for each connection that you
 *    accept; switch Nagle's algorithm off for it (TCP_NODELAY, tcp_nagle_disable), or the end of
 *    an echo waits until the peer acknowledges its beginning. Then, whenever something may have
 *    moved on the connection, in this order:
 *
 *      1 write    As long as `echo_to_send` has bytes and the stack takes some: `echo_sent`.
 *      2 read     While there is `echo_room`, and never more than that: `echo_received`, or at
 *                 the peer's FIN `echo_eof`. After each read that brought less than it asked for,
 *                 or nothing: `echo_quiet`. Back to 1 while anything moved, but give others
 *                 a turn now and then: a peer may send without end. Urgent data is data like
 *                 any other (SO_OOBINLINE).
 *      3 time     `echo_timeout`, each time. After reading, so that bytes which came in time and
 *                 were read late are in time.
 *      4 finish   Once `echo_finished`: shut the sending side (FIN), once, and go on. Once
 *                 `echo_end` is not ECHO_OPEN: close the connection.
 *      5 wait     Until the stack has input (if there is room), or space for output (if there is
 *                 something to send), or it is `echo_deadline`.
 *
 *    When the connection breaks (a reset, an error) close it, and forget the session.
 *
 *    In C, for a stack that is asked. What begins with `stack_` is yours; none of it waits:
 *
 *      stack_socket   what your stack calls a connection: a number, or a pointer
 *      stack_ticks    a counter of milliseconds, 32 bits
 *      stack_accept   whether there was a connection to be accepted; it is set up, as above
 *      stack_read     how many bytes there were, at most `room`; 0: none now; STACK_FIN, a
 *                     negative number: the peer's FIN, after all bytes; another one: broken
 *      stack_write    how many bytes were taken; 0: none now; negative: broken
 *      stack_shut     sends FIN, after what was written; reading goes on
 *      stack_close    gives the connection up; what was written still goes out
 *      stack_panic    your way to stop
 *
 *    Call `echo_turn` in your main loop; or, in a task of its own, whenever the stack has news for
 *    it, once for each, and at the time that it answers.
 *
 *        #include "echo_core.h"
 *        #include "stack.h"
 *
 *        #ifndef PLACES
 *        #define PLACES 4
 *        #endif
 *
 *        struct connection {
 *            bool used, shut;
 *            stack_socket socket;
 *            echo_session session;
 *        };
 *
 *        static struct connection places[PLACES];
 *        echo_rules rules = {30000, 0, 0}; // after 30 s without traffic it ends
 *        static echo_clock ticks;
 *
 *        // Steps 1 to 4, once. *moved: there may be more at once. False: close the connection.
 *        static bool pump(struct connection *c, uint64_t now, bool *moved)
 *        {
 *            static uint8_t buffer[512];
 *            const uint8_t *bytes;
 *            size_t count, room = echo_room(&c->session);
 *
 *            // Read first: what that releases is then written at once.
 *            if (room > sizeof buffer)
 *                room = sizeof buffer;
 *            if (room > 0) {
 *                int received = stack_read(c->socket, buffer, room);
 *                if (received == STACK_FIN)
 *                    echo_eof(&c->session, now);
 *                else if (received < 0)
 *                    return false;
 *                else
 *                    echo_received(&c->session, now, buffer, (size_t)received);
 *                if (received >= 0 && (size_t)received < room)
 *                    echo_quiet(&c->session, now);
 *                if (received != 0)
 *                    *moved = true;
 *            }
 *            while ((count = echo_to_send(&c->session, &bytes)) > 0) {
 *                int sent = stack_write(c->socket, bytes, count);
 *                if (sent < 0)
 *                    return false;
 *                if (sent == 0)
 *                    break;
 *                echo_sent(&c->session, now, (size_t)sent);
 *                *moved = true;
 *            }
 *            echo_timeout(&c->session, now);
 *            if (echo_finished(&c->session) && !c->shut) {
 *                stack_shut(c->socket);
 *                c->shut = true;
 *            }
 *            return echo_end(&c->session) == ECHO_OPEN;
 *        }
 *
 *        // When to call it again, if the stack has no news before.
 *        uint64_t echo_turn(void)
 *        {
 *            uint64_t now = echo_clock_now(&ticks, stack_ticks());
 *            uint64_t next = ECHO_NEVER;
 *            bool moved = false;
 *
 *            for (struct connection *c = places; c < places + PLACES; c++) {
 *                if (!c->used && stack_accept(&c->socket)) {
 *                    if (!echo_open(&c->session, now, &rules))
 *                        stack_panic("the library and echo_core.h do not fit");
 *                    c->used = moved = true;
 *                    c->shut = false;
 *                }
 *                if (c->used && !pump(c, now, &moved)) {
 *                    stack_close(c->socket);
 *                    c->used = false;
 *                    moved = true; // the place is free
 *                }
 *                if (c->used && echo_deadline(&c->session) < next)
 *                    next = echo_deadline(&c->session);
 *            }
 *            return moved ? now : next;
 *        }
 *
 *    examples/posix.c is the same on BSD sockets and poll(), which tells whose turn it is.
 *
 *    A stack with callbacks: examples/lwip.c is for lwIP's raw API, and for any board: take it as
 *    it is. In others like it: received data: 2 and 1, keep what there is no room for and open
 *    the window only by what was taken, `echo_quiet` once all is; FIN: `echo_eof` after what came
 *    before it; sent: `echo_delivered`, 1 and 2; poll and a timer: 3; 4 after each of them.
 *
 * 5. The test, from a PC: all the ways in which clients behave, and what is wrong if one fails.
 *
 *        hosted check BOARD:7              any echo server
 *        hosted check BOARD:7 --ours       and the word `exit`, unless rfc862 is set
 *
 *    A case that opens more connections than there are places fails, and says so; with four:
 *    `--skip no-mixing,eight-at-once,many-at-once`.
 *
 *
 * RULES FOR ALL FUNCTIONS
 *
 * - `session` was opened by `echo_open`, which answered true; no pointer is null unless it says
 *   so. Nothing else can be done wrong: no order of calls and no number breaks anything.
 * - No function waits, allocates, fails or calls you back. Nothing is shared between sessions:
 *   any thread or task may use one, but only one at a time (under lwIP: the tcpip thread).
 * - Times are milliseconds on your clock.
 * - A session that has ended is inert: it has nothing to send, takes nothing, waits for nothing.
 */
#ifndef ECHO_CORE_H
#define ECHO_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a session's buffer: what was received and is not yet sent; at least 8. It bounds how
 * much is on its way inside of the session, never the length of a message. The library has to be
 * built with the same number in the environment (or a smaller one): `echo_open` looks. */
#ifndef ECHO_BUFFER
#define ECHO_BUFFER 1024
#endif

/* Changes whenever this header and the library no longer understand each other. */
#define ECHO_ABI 1

/* As a deadline: there is none. */
#define ECHO_NEVER ((uint64_t)-1)

/* A session's storage. What is inside is nobody's business. */
typedef struct echo_session {
    uint64_t inside[(ECHO_BUFFER + 7) / 8 + 168 / 8];
} echo_session;

/* What a session may do. All zero (`= {0}`): it echoes until the peer leaves, has no limit, and
 * knows the word `exit`. */
typedef struct echo_rules {
    /* The session ends when nothing was received and nothing sent for so many milliseconds.
     * 0: never. */
    uint32_t idle;
    /* Not 0: it echoes one message, which 200 ms of silence end, and then closes. */
    uint8_t one_shot;
    /* Not 0: all input is data, as RFC 862 says. 0: a message that is nothing but `exit`,
     * with or without a line break, ends the session after 200 ms of silence. */
    uint8_t rfc862;
} echo_rules;

/* What `echo_end` answers. */
enum {
    ECHO_OPEN = 0,         /* it goes on */
    ECHO_DISCONNECTED = 1, /* the peer sent its FIN and got its whole echo */
    ECHO_EXIT = 2,         /* the peer said `exit` */
    ECHO_TIMED_OUT = 3,    /* nothing moved for the idle limit */
    ECHO_ANSWERED = 4      /* the one message of a one-shot session was answered */
};

/* Use `echo_open`. */
bool echo_open_sized(echo_session *session, size_t size, uint32_t abi, uint64_t now,
                     const echo_rules *rules);

/* Begins a session, for a connection that was accepted. `rules` are copied; null: all zero.
 * Storage may be used again for another session at any time.
 *
 * False: the library was built for another ECHO_ABI or a larger ECHO_BUFFER than this header,
 * or `session` is null or not aligned for uint64_t. Then nothing was written. */
static inline bool echo_open(echo_session *session, uint64_t now, const echo_rules *rules)
{
    return echo_open_sized(session, sizeof *session, ECHO_ABI, now, rules);
}

/* ---- Questions: they change nothing, and may be asked at any time. ---- */

/* How many bytes are to be written next; 0: none. `*bytes` is set to the first of them, inside of
 * the session: they stay the same until you tell it of an event. Any part, from the front, may be
 * written. */
size_t echo_to_send(const echo_session *session, const uint8_t **bytes);

/* The most bytes that it takes now; 0: do not read, and do not open the window. It can be
 * SIZE_MAX, while input is discarded: read no more than your own buffer holds. */
size_t echo_room(const echo_session *session);

/* When `echo_timeout` is due, if nothing happens before; ECHO_NEVER: no need to. Each event may
 * change it. */
uint64_t echo_deadline(const echo_session *session);

/* True: nothing more will ever be sent. Shut the sending side, once, after what was written; go
 * on reading until `echo_end`: closing with unread input would reset the connection, and the peer
 * would lose the end of its echo. The session waits for the peer's FIN for 2 seconds at most. */
bool echo_finished(const echo_session *session);

/* ECHO_OPEN, or why it is over: close the connection. It is finished, too, by then: look at that
 * first. */
uint8_t echo_end(const echo_session *session);

/* How many bytes were echoed: the sum of all `echo_sent`. */
uint64_t echo_echoed(const echo_session *session);

/* ---- Events: tell them as they happen, with the time at which they did. ---- */

/* The stack accepted the first `count` bytes of `echo_to_send`: after each write. */
void echo_sent(echo_session *session, uint64_t now, size_t count);

/* The peer took bytes that the stack had accepted, at `at`, which may lie before the latest
 * event. A slow reader is not idle. Only where your stack tells (lwIP: the sent callback; Linux:
 * SIOCOUTQ, looked at when a deadline is near); nowhere else is it needed. */
void echo_delivered(echo_session *session, uint64_t at);

/* `count` bytes arrived. Answers how many were taken, from the front: as many as `echo_room`
 * allowed, so all if you read no more than that. `bytes` may be null if `count` is 0, and do not
 * lie in a session. */
size_t echo_received(echo_session *session, uint64_t now, const uint8_t *bytes, size_t count);

/* All that there was for now has been read: what comes next is another message. After each read
 * that brought less than it asked for, or nothing. Without it a lone `e` would not be echoed, and
 * `exit` would not be known for a command. */
void echo_quiet(echo_session *session, uint64_t now);

/* The peer sent its FIN, and all that came before it has been received. */
void echo_eof(echo_session *session, uint64_t now);

/* Time has passed. Early or repeated calls change nothing. */
void echo_timeout(echo_session *session, uint64_t now);

/* ---- A clock from 32-bit ticks ---- */

/* Zero it once (`= {0}`); one for all sessions. */
typedef struct echo_clock {
    uint64_t now;
} echo_clock;

/* The time, from a counter of milliseconds that wraps after 2^32 of them. Call it at least once
 * in 49 days, and not from two places at once: a counter that was read earlier and told later
 * would look like one that wrapped. */
static inline uint64_t echo_clock_now(echo_clock *clock, uint32_t ticks)
{
    return clock->now += (uint32_t)(ticks - (uint32_t)clock->now);
}

#ifdef __cplusplus
}
#endif

#endif
