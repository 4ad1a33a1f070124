/*
 * `hearthmail dns` against name servers that say what an attacker wants:
 * records with NULs between them, the first byte of each says of what kind the
 * answer is.  Every entry is judged, with a bounded number of questions, and
 * what is shown of strangers' bytes is printable.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "publish/publish.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROUNDS	  300
#define PARTS_MAX 24

struct input {
	struct sv part[PARTS_MAX];
	size_t n;
};

static struct conf *conf;

/* A TXT record of one part in strings, anything else of its bytes; sometimes
 * two of them. */
static void
answer(const struct input *in, const struct lookup_question *q,
    struct dns_answer *a)
{
	size_t first =
	    (q->id + (size_t)q->type + strlen(q->name)) % (in->n + 2);
	size_t i, k, at[2] = {0, 0};
	struct buf b;

	dns_answer_init(a);
	if (first >= in->n) {
		a->rc = first == in->n ? RC_NOTFOUND : RC_TEMP;
		a->security = first == in->n ? DNS_SECURE : DNS_BOGUS;
		return;
	}
	buf_init(&b, 1 << 20);
	a->rc = RC_OK;
	a->n = in->part[first].n % 2 + 1;
	a->record = xcalloc(a->n, sizeof *a->record);
	for (i = 0; i < a->n; i++) {
		struct sv part = in->part[(first + i) % in->n];

		at[i] = b.n;
		for (k = 0; q->type == DNS_TXT && k < part.n; k += 255) {
			struct sv s = sv_first(sv_skip(part, k), 255);

			buf_addc(&b, (char)s.n);
			buf_addsv(&b, s);
		}
		if (q->type != DNS_TXT)
			buf_addsv(&b, part);
		a->record[i].n = b.n - at[i];
	}
	a->bytes = buf_take(&b);
	for (i = 0; i < a->n; i++)
		a->record[i].p = a->bytes + at[i];
}

static void
is_clean(const struct buf *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		must(b->p[i] >= ' ' && b->p[i] <= '~');
}

static void
judge(struct publish *p, const struct publish_host *h, const struct input *in)
{
	struct lookup_question q;
	struct dns_answer a;
	unsigned rounds = 0;

	while (publish_judge(p, h) == RC_MORE) {
		must(++rounds < ROUNDS);
		must(lookup_open(p->q, &q));
		do {
			answer(in, &q, &a);
			lookup_answer(p->q, q.id, &a);
			dns_answer_fini(&a);
		} while (lookup_open(p->q, &q));
	}
	is_clean(&p->found);
	is_clean(&p->words);
	is_clean(&p->value);
	(void)publish_would_be_right(
	    p, h, lookup_get(p->q, LOOKUP_MAILFROM, p->type, sv_str(p->name)));
}

static void
setup(void)
{
	struct conf_errors e;

	must(conf_parse(SV("hostname: mail.example.org\n"
			   "domains: [example.org]\naccounts: { anna: {} }\n"),
		 "f", &conf, &e) == RC_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct in6_addr own = {
	    .s6_addr = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}};
	struct publish_host host = {.hostname = "mail.example.org",
	    .address = &own,
	    .naddress = 1,
	    .certificate = {{SV("whole"), SV("key")}},
	    .ncertificate = 1,
	    .ca = "ca.example"};
	struct publish_list l = {NULL, 0, 0};
	struct input in = {.n = 0};
	struct sv rest = sv_of(data, size);
	struct publish_verdict v;
	size_t i;

	if (conf == NULL)
		setup();
	while (rest.p != NULL && in.n < PARTS_MAX)
		in.part[in.n++] = sv_split(&rest, '\0');
	publish_add_host(&l, &host);
	publish_add_domain(&l, conf, conf->domain[0].name,
	    SV("s1 active v=DKIM1; k=ed25519; p=AAAABBBB\n"), "");
	host.sender[host.nsender++] = own;
	publish_add_senders(&l, &host, conf);
	for (i = 0; i < l.n; i++)
		judge(&l.p[i], &host, &in);
	publish_sum_up(&l, conf->domain[0].name, &v);
	publish_verdict_fini(&v);
	publish_list_fini(&l);
	return 0;
}
