/* The order of MX hosts. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ipc/line.h"
#include "queue/mx/route.h"
#include "test/unit/unit.h"

static const struct {
	const char *in;	  /* name:preference:chance ... */
	const char *want; /* names, for mail.example.org */
} rows[] = {
    {"", ""},
    {"a:20:1 b:10:1", "b a"},
    {"a:10:2 b:10:1 c:5:9", "c b a"},
    /* Ourselves: only who is better counts. */
    {"mail.example.org:10:1 a:5:1 b:10:1 c:20:1", "a"},
    {"MAIL.example.org:5:1 a:10:1", ""},
    {"a:10:1 mail.example.org:10:9", ""},
    {"a:10:1 b:20:1 mail.example.org:30:1", "a b"},
};

START_TEST(route_sort__answers_each_row)
{
	struct route_host h[8] = {{.preference = 0}};
	struct sv in = sv_str(rows[_i].in);
	size_t n = 0, i;
	struct buf out;

	while (in.n > 0) {
		struct sv one = sv_split(&in, ' ');
		struct sv name = sv_split(&one, ':');
		uint64_t v;

		(void)snprintf(
		    h[n].name, sizeof h[n].name, "%.*s", SV_ARG(name));
		ck_assert_int_eq(
		    sv_to_u64(sv_split(&one, ':'), 65535, &v), RC_OK);
		h[n].preference = (uint16_t)v;
		ck_assert_int_eq(sv_to_u64(one, 100, &v), RC_OK);
		h[n++].chance = (uint32_t)v;
	}
	n = route_sort(h, n, "mail.example.org");
	buf_init(&out, 1000);
	for (i = 0; i < n; i++)
		buf_addf(&out, "%s%s", i > 0 ? " " : "", h[i].name);
	ck_assert_str_eq(out.p, rows[_i].want);
	buf_fini(&out);
}
END_TEST

static const struct {
	const char *literal;
	size_t n;
	unsigned code;
} literals[] = {
    {"[192.0.2.1]", 1, 0},
    {"[IPv6:2001:db8::1]", 1, 0},
    {"[2001:db8::1]", 1, 0},
    {"[192.0.2]", 0, 550},
    {"[]", 0, 550},
    {"[x]", 0, 550},
    {"[192.0.2.1", 0, 550},
    {"a b", 0, 550},
    {"", 0, 550},
};

START_TEST(route_find__takes_address_literals_without_asking)
{
	const struct route_opts o = {NULL, "x", true},
				four = {NULL, "x", false};
	struct route r;

	route_find(&o, sv_str(literals[_i].literal), &r);
	ck_assert_uint_eq(r.n, literals[_i].n);
	ck_assert_uint_eq(r.code, literals[_i].code);
	ck_assert((r.n == 0) == (r.reply_text[0] != '\0'));
	/* Without IPv6 such an address waits for better days. */
	route_find(&four, sv_str(literals[_i].literal), &r);
	if (strchr(literals[_i].literal, ':') != NULL) {
		ck_assert_uint_eq(r.n, 0);
		ck_assert_uint_eq(r.code, 0);
		ck_assert_ptr_nonnull(strstr(r.reply_text, "outbound.ipv6"));
	} else {
		ck_assert_uint_eq(r.n, literals[_i].n);
	}
}
END_TEST

/* ---- with name servers of our own ---- */

/* What they say of MX, AAAA and A; none has records. */
static const struct {
	int mx, six, four;
	unsigned code; /* 0: again later */
} answers[] = {
    {RC_NOTFOUND, RC_NOTFOUND, RC_NOTFOUND, 550}, /* no such domain */
    {RC_TEMP, RC_OK, RC_OK, 0},
    {RC_TIMEOUT, RC_OK, RC_OK, 0},
    {RC_OK, RC_NOTFOUND, RC_NOTFOUND, 550}, /* and no address either */
    {RC_OK, RC_NOTFOUND, RC_TEMP, 0},
    {RC_OK, RC_TEMP, RC_NOTFOUND, 0},
    {RC_OK, RC_NOTFOUND, RC_TIMEOUT, 0},
    {RC_OK, RC_TIMEOUT, RC_NOTFOUND, 0},
    {RC_OK, RC_TIMEOUT, RC_TIMEOUT, 0},
    {RC_OK, RC_OK, RC_NOTFOUND, 0},
    {RC_OK, RC_OK, RC_TIMEOUT, 0},
};

#define WITHOUT_SIX 9 /* the rows from here on */

static struct ev_loop *loop;
static struct peer *dns;
static int row;

static void
on_question(struct line *l, struct msg *m, void *arg)
{
	uint32_t type;
	struct msg r;

	(void)arg;
	(void)msg_get_sv(m);
	type = msg_get_u32(m);
	ck_assert(type != DNS_AAAA || row < WITHOUT_SIX);
	msg_init(&r, MSG_REPLY);
	r.id = m->id;
	msg_put_u32(&r, (uint32_t)(type == DNS_MX     ? answers[row].mx
				   : type == DNS_AAAA ? answers[row].six
						      : answers[row].four));
	msg_put_u8(&r, 0);
	msg_put_u32(&r, 60);
	msg_put_str(&r, "");
	msg_put_u32(&r, 0);
	line_tell(l, &r);
}

static void
on_eof(struct line *l, void *arg)
{
	(void)arg;
	line_free(&l);
}

static void
stop(void *arg)
{
	ev_stop(arg);
}

static void *
find(void *arg)
{
	const struct route_opts o = {
	    dns, "mail.example.org", row < WITHOUT_SIX};

	route_find(&o, SV("example.test"), arg);
	ev_post(loop, stop, loop);
	return NULL;
}

START_TEST(route_find__gives_up_only_what_is_known_for_sure)
{
	struct route r = {.n = 99};
	struct line *far;
	pthread_t t;
	int pair[2];

	row = _i;
	loop = ev_loop_new();
	dns = peer_new(loop, "dns", NULL, NULL, NULL);
	ck_assert_int_eq(line_pair(pair), RC_OK);
	peer_connect(dns, pair[0]);
	far = line_new(loop, pair[1], on_question, on_eof, NULL);
	ck_assert_int_eq(pthread_create(&t, NULL, find, &r), 0);
	ev_run(loop);
	pthread_join(t, NULL);
	ck_assert_uint_eq(r.n, 0);
	ck_assert_msg(
	    r.code == answers[_i].code, "%d: %u %s", _i, r.code, r.reply_text);
	line_free(&far);
	peer_free(&dns);
	ev_loop_free(&loop);
}
END_TEST

UNIT_TESTS(route)
{
	TCase *t = tcase_create("route");

	tcase_add_loop_test(
	    t, route_sort__answers_each_row, 0, sizeof rows / sizeof rows[0]);
	tcase_add_loop_test(t,
	    route_find__takes_address_literals_without_asking, 0,
	    sizeof literals / sizeof literals[0]);
	tcase_add_loop_test(t, route_find__gives_up_only_what_is_known_for_sure,
	    0, sizeof answers / sizeof answers[0]);
	return t;
}
