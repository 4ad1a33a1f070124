/*
 * SPF records and macro-strings: what parses can be walked through again, an
 * expansion is bounded, and an evaluation against records of the attacker ends.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "msgauth/spf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
evaluate(struct sv text)
{
	struct lookup *l = lookup_new();
	struct spf_query q = {.local = SV("a.b-c"),
	    .domain = SV("a.test"),
	    .helo = SV("h.test"),
	    .now = 1795536046,
	    .explain = true};
	struct spf_outcome o;
	struct lookup_question ask;
	struct dns_answer a;
	size_t rounds = 0;

	while (spf_check(&q, l, LOOKUP_MAILFROM, &o) == RC_MORE) {
		must(++rounds <= lookup_limit(LOOKUP_MAILFROM));
		while (lookup_open(l, &ask)) {
			struct buf b;

			dns_answer_init(&a);
			a.rc = RC_NOTFOUND;
			if (ask.type == DNS_TXT) {
				buf_init(&b, 1 << 20);
				buf_addc(&b, (char)(text.n % 256));
				buf_addsv(&b, sv_first(text, text.n % 256));
				a.rc = RC_OK;
				a.n = 1;
				a.record = xcalloc(1, sizeof *a.record);
				a.record[0].n = b.n;
				a.bytes = buf_take(&b);
				a.record[0].p = a.bytes;
			}
			lookup_answer(l, ask.id, &a);
			dns_answer_fini(&a);
		}
	}
	lookup_free(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size);
	struct spf_macro m = {.local = SV("strong-bad"),
	    .sender_domain = SV("email.example.com"),
	    .domain = SV("email.example.com")};
	struct spf_record r;
	struct spf_term t;
	struct buf b;

	if (spf_is_record(in) && spf_record_parse(in, &r) == RC_OK)
		while (spf_record_next(&r, &t))
			must(t.prefix4 <= 32 && t.prefix6 <= 128);
	buf_init(&b, 4096);
	if (spf_macro_valid(in, false))
		must(spf_macro_expand(in, &m, &b) != RC_SYNTAX);
	if (spf_spec_valid(in))
		must(spf_macro_valid(in, false));
	buf_fini(&b);
	evaluate(in);
	return 0;
}
