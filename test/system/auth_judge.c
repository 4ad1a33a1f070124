/*
 * Judges messages with the DNS that comes with them, so that other programs'
 * judgements can be compared (test_auth_peers.py).  Standard input:
 *
 *   peer 192.0.2.1       helo NAME        sender LOCAL@DOMAIN     now SECONDS
 *   dns NAME TYPE DATA   as test/unit/msgauth/zone.h has it, escaped
 *   message HEX          and now judge
 *
 * Each line of the output is one judgement: "spf=pass helo=none dkim=pass,fail
 * arc=none dmarc=pass".  In DATA and names \HH is a byte.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "msgauth/check.h"
#include "test/unit/msgauth/zone.h"

struct asked {
	struct check_envelope e;
	char helo[512], sender[1024];
	struct zone *zone;
};

static int
digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void
unescape(struct sv s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] == '\\' && i + 2 < s.n) {
			buf_addc(out,
			    (char)(digit(s.p[i + 1]) << 4 | digit(s.p[i + 2])));
			i += 2;
		} else {
			buf_addc(out, s.p[i]);
		}
}

static void
add_record(struct zone *z, struct sv line)
{
	struct sv name = sv_split(&line, ' '), type = sv_split(&line, ' ');
	struct buf n, data;

	buf_init(&n, 4096);
	buf_init(&data, 1 << 20);
	unescape(name, &n);
	unescape(line, &data);
	zone_add_record(z, buf_sv(&n), type, buf_sv(&data));
	buf_fini(&n);
	buf_fini(&data);
}

static void
set_peer(struct check_envelope *e, const char *text)
{
	e->peer = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
	if (inet_pton(AF_INET, text, e->peer.s6_addr + 12) != 1 &&
	    inet_pton(AF_INET6, text, &e->peer) != 1)
		abort();
}

static void
judge(struct asked *a, struct sv hex)
{
	struct check *c = check_new(&a->e);
	const struct check_result *r;
	struct buf m;
	struct sv all;
	size_t i, end;

	buf_init(&m, 64 << 20);
	for (i = 0; i + 1 < hex.n; i += 2)
		buf_addc(
		    &m, (char)(digit(hex.p[i]) << 4 | digit(hex.p[i + 1])));
	all = buf_sv(&m);
	end = sv_find(all, SV("\r\n\r\n"));
	check_header(c, end < all.n ? sv_first(all, end + 2) : all);
	check_body(c, sv_skip(all, end + 4));
	if (check_end(c) != RC_OK)
		abort();
	while (check_evaluate(c) == RC_MORE)
		if (zone_answer(a->zone, check_lookup(c)) == 0)
			abort();
	r = check_result(c);
	printf("spf=%s helo=%s arc=%s dmarc=%s dkim=",
	    auth_result_name(r->mailfrom.result),
	    auth_result_name(r->helo.result), auth_result_name(r->arc.result),
	    auth_result_name(r->dmarc.result));
	for (i = 0; i < r->ndkim; i++)
		printf("%s%s", i > 0 ? "," : "",
		    auth_result_name(r->dkim[i].result));
	printf("\n");
	fflush(stdout);
	check_free(&c);
	buf_fini(&m);
}

static void
take(char *out, size_t size, struct sv s, struct sv *field)
{
	struct buf b;

	buf_init(&b, size);
	unescape(s, &b);
	memcpy(out, b.p, b.n);
	*field = sv_of(out, b.n);
	buf_fini(&b);
}

int
main(void)
{
	struct asked a = {.e = {.receiver = SV("mx.example.org")}};
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	a.zone = zone_new();
	while ((n = getline(&line, &cap, stdin)) > 0) {
		struct sv rest = sv_of(line, (size_t)n - 1), word;

		line[n - 1] = '\0';
		word = sv_split(&rest, ' ');
		if (sv_eq(word, SV("peer")))
			set_peer(&a.e, rest.p);
		else if (sv_eq(word, SV("helo")))
			take(a.helo, sizeof a.helo, rest, &a.e.helo);
		else if (sv_eq(word, SV("sender")))
			take(a.sender, sizeof a.sender, rest, &a.e.sender);
		else if (sv_eq(word, SV("now")))
			a.e.now = strtoll(rest.p, NULL, 10);
		else if (sv_eq(word, SV("dns")))
			add_record(a.zone, rest);
		else if (sv_eq(word, SV("message"))) {
			judge(&a, rest);
			zone_free(&a.zone);
			a.zone = zone_new();
		}
	}
	zone_free(&a.zone);
	free(line);
	return 0;
}
