/*
 * What echo_core.h promises, function by function, in valid C99, C11 and C++. It ends with 0, or
 * with 1 and the lines that did not hold.
 */
#include <stdio.h>
#include <string.h>

#include "echo_core.h"

static int broken;

#define CHECK(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
            broken = 1; \
        } \
    } while (0)

static echo_session session;

static bool open_with(uint64_t now, uint32_t idle, uint8_t one_shot, uint8_t rfc862)
{
    echo_rules rules = {0, 0, 0};
    rules.idle = idle;
    rules.one_shot = one_shot;
    rules.rfc862 = rfc862;
    return echo_open(&session, now, &rules);
}

static size_t say(uint64_t now, const char *text)
{
    return echo_received(&session, now, (const uint8_t *)text, strlen(text));
}

/* Whether this is what it wants to send; it is sent. */
static bool sends(uint64_t now, const char *text)
{
    const uint8_t *bytes;
    size_t count = echo_to_send(&session, &bytes);
    bool right = count == strlen(text) && memcmp(bytes, text, count) == 0;
    echo_sent(&session, now, count);
    return right;
}

static bool pristine(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != 0xa5)
            return false;
    return true;
}

static void storage_is_checked_before_it_is_written(void)
{
    static echo_session two[2];
    uint8_t *inside = (uint8_t *)two;
    memset(two, 0xa5, sizeof two);
    CHECK(!echo_open_sized(two, ECHO_BUFFER, ECHO_ABI, 0, NULL));
    CHECK(!echo_open_sized(two, 0, ECHO_ABI, 0, NULL));
    CHECK(!echo_open_sized(two, sizeof *two, ECHO_ABI + 1, 0, NULL));
    CHECK(!echo_open_sized(two, sizeof *two, 0, 0, NULL));
    CHECK(!echo_open_sized(NULL, sizeof *two, ECHO_ABI, 0, NULL));
    CHECK(!echo_open_sized((echo_session *)(void *)(inside + 1), sizeof *two, ECHO_ABI, 0, NULL));
    CHECK(pristine(inside, sizeof two));
    CHECK(echo_open(&two[0], 0, NULL));
    CHECK(pristine(inside + sizeof *two, sizeof *two));
}

static void bytes_come_back_and_a_full_buffer_takes_no_more(void)
{
    static uint8_t many[2 * ECHO_BUFFER];
    const uint8_t *bytes;
    CHECK(open_with(0, 0, 0, 0));
    CHECK(echo_end(&session) == ECHO_OPEN && !echo_finished(&session));
    CHECK(echo_deadline(&session) == ECHO_NEVER);
    CHECK(echo_to_send(&session, &bytes) == 0);
    CHECK(echo_received(&session, 0, NULL, 0) == 0);
    CHECK(say(1, "hello") == 5);
    CHECK(sends(2, "hello"));
    CHECK(echo_echoed(&session) == 5);
    CHECK(echo_room(&session) == ECHO_BUFFER);
    CHECK(echo_received(&session, 3, many, sizeof many) == ECHO_BUFFER);
    CHECK(echo_room(&session) == 0);
    CHECK(echo_received(&session, 3, many, 1) == 0);
    echo_eof(&session, 4);
    CHECK(!echo_finished(&session));
    echo_sent(&session, 4, SIZE_MAX);
    CHECK(echo_finished(&session) && echo_end(&session) == ECHO_DISCONNECTED);
    CHECK(echo_echoed(&session) == 5 + ECHO_BUFFER);
}

static void the_word_alone_ends_it_after_silence(void)
{
    CHECK(open_with(1000, 0, 0, 0));
    CHECK(say(1000, "exit") == 4);
    CHECK(echo_deadline(&session) == ECHO_NEVER);
    echo_quiet(&session, 1000);
    CHECK(echo_deadline(&session) == 1200);
    echo_timeout(&session, 1199);
    CHECK(!echo_finished(&session));
    echo_timeout(&session, 1200);
    CHECK(echo_finished(&session) && echo_end(&session) == ECHO_OPEN);
    CHECK(echo_room(&session) == SIZE_MAX);
    CHECK(echo_deadline(&session) == 3200);
    echo_eof(&session, 1300);
    CHECK(echo_end(&session) == ECHO_EXIT);
    CHECK(echo_room(&session) == 0 && echo_deadline(&session) == ECHO_NEVER);
}

static void the_rules_are_kept(void)
{
    CHECK(open_with(0, 0, 0, 1));
    CHECK(say(0, "exit") == 4);
    CHECK(sends(0, "exit"));

    CHECK(open_with(0, 0, 1, 0));
    CHECK(say(0, "one") == 3);
    echo_quiet(&session, 0);
    CHECK(sends(0, "one"));
    echo_timeout(&session, 200);
    echo_timeout(&session, 2200);
    CHECK(echo_end(&session) == ECHO_ANSWERED);

    CHECK(open_with(5, 1000, 0, 0));
    CHECK(echo_deadline(&session) == 1005);
    echo_delivered(&session, 100);
    CHECK(echo_deadline(&session) == 1100);
    echo_timeout(&session, 1099);
    CHECK(echo_end(&session) == ECHO_OPEN);
    echo_timeout(&session, 1100);
    CHECK(echo_end(&session) == ECHO_TIMED_OUT && echo_finished(&session));
}

static void time_stops_at_its_end(void)
{
    CHECK(open_with(UINT64_MAX, UINT32_MAX, 0, 0));
    CHECK(echo_deadline(&session) == ECHO_NEVER);
    CHECK(say(UINT64_MAX, "exit") == 4);
    echo_quiet(&session, UINT64_MAX);
    echo_timeout(&session, UINT64_MAX);
    CHECK(echo_end(&session) == ECHO_OPEN);
}

static void ticks_that_wrap_go_on(void)
{
    echo_clock clock = {0};
    CHECK(echo_clock_now(&clock, 0xfffffff0u) == 0xfffffff0u);
    CHECK(echo_clock_now(&clock, 0xfffffff0u) == 0xfffffff0u);
    CHECK(echo_clock_now(&clock, 0x10u) == UINT64_C(0x100000010));
    CHECK(echo_clock_now(&clock, 0x0fu) == UINT64_C(0x20000000f));
}

int main(void)
{
    storage_is_checked_before_it_is_written();
    bytes_come_back_and_a_full_buffer_takes_no_more();
    the_word_alone_ends_it_after_silence();
    the_rules_are_kept();
    time_stops_at_its_end();
    ticks_that_wrap_go_on();
    return broken;
}
