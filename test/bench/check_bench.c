/*
 * What it costs to judge one message of 10 KB with one RSA-2048 signature whose
 * names have been looked up: microseconds of CPU, the least of ten turns.
 *
 *   CK_FORK=no check_bench
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

#include "msgauth/check.h"
#include "test/unit/msgauth/signer.h"
#include "test/unit/msgauth/zone.h"
#include "test/unit/unit.h"

#define TURNS	 10
#define MESSAGES 200
#define HEADER                                                        \
	"From: Ben <ben@bank.test>\r\nTo: anna@us.test\r\n"           \
	"Subject: hello\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000\r\n" \
	"Message-ID: <1@bank.test>\r\nMIME-Version: 1.0\r\n"          \
	"Content-Type: text/plain; charset=utf-8\r\n"
#define LINE  "A line of text as people write them, a bit longer than most.\r\n"
#define LINES 160

static double
cpu(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct zone *
names(void)
{
	struct zone *z = zone_new();
	struct buf b;

	buf_init(&b, 10000);
	buf_adds(&b, "s._domainkey.bank.test TXT ");
	signer_record(signer_rsa(2048), "v=DKIM1; ", &b);
	zone_add(z, b.p);
	zone_add(z, "bank.test TXT v=spf1 ip4:192.0.2.1 -all");
	zone_add(z, "mail.bank.test TXT v=spf1 a -all");
	zone_add(z, "mail.bank.test A 192.0.2.1");
	zone_add(z, "1.2.0.192.in-addr.arpa PTR mail.bank.test");
	zone_add(z, "_dmarc.bank.test TXT v=DMARC1; p=reject");
	buf_fini(&b);
	return z;
}

static void
judge(struct zone *z, struct dkim_keys *keys, struct sv header, struct sv body)
{
	struct check_envelope e = {.helo = SV("mail.bank.test"),
	    .sender = SV("ben@bank.test"),
	    .receiver = SV("mail.us.test"),
	    .now = 1795536046,
	    .keys = keys};
	struct check *c;

	must(inet_pton(AF_INET6, "::ffff:192.0.2.1", &e.peer) == 1);
	c = check_new(&e);
	check_header(c, header);
	check_body(c, body);
	must(check_end(c) == RC_OK);
	while (check_evaluate(c) == RC_MORE)
		must(zone_answer(z, check_lookup(c)) > 0);
	must(check_result(c)->dmarc.result == AUTH_PASS);
	must(check_result(c)->dkim[0].result == AUTH_PASS);
	check_free(&c);
}

/* remembered: as of a sender who has written before. */
static void
measure(struct sv header, struct sv body, bool remembered)
{
	struct dkim_keys *keys = remembered ? dkim_keys_new() : NULL;
	struct zone *z = names();
	double least = 1e9;
	int turn, i;

	for (turn = 0; turn < TURNS; turn++) {
		double since = cpu(), used;

		for (i = 0; i < MESSAGES; i++)
			judge(z, keys, header, body);
		used = cpu() - since;
		least = used < least ? used : least;
	}
	(void)printf("%.1f us of CPU a message, its key %s\n", least / MESSAGES,
	    remembered ? "remembered" : "new");
	dkim_keys_free(&keys);
	zone_free(&z);
}

START_TEST(judge_many)
{
	struct buf message, body;
	int i;

	buf_init(&body, 100000);
	buf_init(&message, 100000);
	for (i = 0; i < LINES; i++)
		buf_adds(&body, LINE);
	signer_sign(signer_rsa(2048), "DKIM-Signature",
	    "v=1; a=rsa-sha256; c=relaxed/relaxed; d=bank.test; s=s; "
	    "h=from:to:subject:date",
	    SV(HEADER), buf_sv(&body), &message);
	buf_adds(&message, HEADER);
	measure(buf_sv(&message), buf_sv(&body), false);
	measure(buf_sv(&message), buf_sv(&body), true);
	buf_fini(&message);
	buf_fini(&body);
}
END_TEST

/* As a test, for the signer and the names are those of tests. */
UNIT_TESTS(bench)
{
	TCase *t = tcase_create("check");

	tcase_add_test(t, judge_many);
	return t;
}
