/*
 * A whole message against a name service that says what the attacker wants:
 * HELO, sender, header, body and records, with NULs between them.  It ends,
 * with a bounded number of questions, one field comes out of it that is clean,
 * and a seal can be put on.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "msgauth/authres.h"
#include "msgauth/check.h"
#include "msgauth/dkim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW	  1795536046
#define ROUNDS	  600
#define PARTS_MAX 16

struct input {
	struct sv part[PARTS_MAX];
	size_t n;
};

/* A TXT record of one part in strings, anything else of its bytes. */
static void
answer(const struct input *in, const struct lookup_question *q,
    struct dns_answer *a)
{
	size_t i = q->id % (in->n + 2), k;
	struct buf b;

	dns_answer_init(a);
	if (i >= in->n) {
		a->rc = i == in->n ? RC_NOTFOUND : RC_TEMP;
		return;
	}
	buf_init(&b, 1 << 20);
	if (q->type == DNS_TXT)
		for (k = 0; k < in->part[i].n; k += 255) {
			struct sv s = sv_first(sv_skip(in->part[i], k), 255);

			buf_addc(&b, (char)s.n);
			buf_addsv(&b, s);
		}
	else
		buf_addsv(&b, in->part[i]);
	a->rc = RC_OK;
	a->n = 1;
	a->record = xcalloc(1, sizeof *a->record);
	a->record[0].n = b.n;
	a->bytes = buf_take(&b);
	a->record[0].p = a->bytes;
}

static void
evaluate(struct check *c, const struct input *in)
{
	struct lookup *l = check_lookup(c);
	struct lookup_question q;
	struct dns_answer a;
	size_t rounds = 0;

	while (check_evaluate(c) == RC_MORE) {
		must(++rounds < ROUNDS);
		must(lookup_open(l, &q));
		do {
			answer(in, &q, &a);
			lookup_answer(l, q.id, &a);
			dns_answer_fini(&a);
		} while (lookup_open(l, &q));
	}
}

static void
is_clean(const struct check_result *r)
{
	struct buf b;
	size_t i;

	buf_init(&b, 1 << 20);
	check_authres(r, "mx.us.test", false, &b);
	must(buf_ok(&b));
	must(mail_field_count(buf_sv(&b), SV("Authentication-Results")) == 1);
	for (i = 0; i < b.n; i++)
		must((b.p[i] >= ' ' && b.p[i] <= '~') || b.p[i] == '\t' ||
		     (b.p[i] == '\r' && b.p[i + 1] == '\n') ||
		     (b.p[i] == '\n' && b.p[i - 1] == '\r'));
	buf_fini(&b);
}

static void
seal(struct sv header)
{
	uint8_t hash[DKIM_HASH] = {0};
	struct arc_seal_what w = {.cv = AUTH_PASS,
	    .results = SV("mx.us.test; none"),
	    .domain = SV("us.test"),
	    .selector = SV("s"),
	    .time = NOW,
	    .body_hash = hash};
	struct arc_seal *s = NULL;
	struct buf out;
	int i;

	if (arc_seal_new(&w, header, &s) != RC_OK)
		return;
	buf_init(&out, 1 << 20);
	for (i = 0; i < 2; i++) {
		must(arc_seal_hash(s, hash) == RC_OK);
		arc_seal_signature(s, sv_of(hash, sizeof hash));
	}
	must(arc_seal_write(s, &out) == RC_OK);
	arc_seal_free(&s);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {.n = 0};
	struct sv rest = sv_of(data, size);
	struct check_envelope e = {.now = NOW, .explain = true};
	struct check *c;

	while (rest.p != NULL && in.n < PARTS_MAX)
		in.part[in.n++] = sv_split(&rest, '\0');
	if (in.n < 5)
		return 0;
	e.peer.s6_addr[10] = e.peer.s6_addr[11] = size % 2 ? 0xff : 0;
	e.peer.s6_addr[15] = 1;
	e.helo = in.part[0];
	e.sender = in.part[1];
	c = check_new(&e);
	if (check_evaluate(c) == RC_OK)
		abort();
	check_header(c, in.part[2]);
	check_body(c, in.part[3]);
	must(check_end(c) == RC_OK);
	evaluate(c, &in);
	is_clean(check_result(c));
	check_free(&c);
	seal(in.part[2]);
	return 0;
}
