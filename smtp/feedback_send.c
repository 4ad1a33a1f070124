#include "smtp/feedback_send.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dns/dns.h"
#include "ipc/proto.h"
#include "mail/domain.h"
#include "report/feedback.h"

#define DAY	24 * 3600
#define DNS_MS	20000
#define URI_MAX FEEDBACK_TO_MAX

_Static_assert(SMTP_FEEDBACK_KEY == crypto_shorthash_KEYBYTES, "the key");

/* ---- once a day ---- */

void
smtp_feedback_memory_init(struct smtp_feedback_memory *mem)
{
	*mem = (struct smtp_feedback_memory){0};
	must(pthread_mutex_init(&mem->lock, NULL) == 0);
	randombytes_buf(mem->key, sizeof mem->key);
}

/* Nobody outside can tell which of them share a place. */
static uint64_t
hash_of(const struct smtp_feedback_memory *mem, int64_t day, struct sv domain,
    struct sv address)
{
	struct buf b;
	uint64_t h;

	buf_init(&b, 4 * REPORT_TEXT_MAX);
	buf_addf(&b, "%lld %.*s %.*s", (long long)day, SV_ARG(domain),
	    SV_ARG(address));
	(void)crypto_shorthash(
	    (unsigned char *)&h, (const unsigned char *)b.p, b.n, mem->key);
	buf_fini(&b);
	return h | 1;
}

/* Was it there?  It is, afterwards. */
static bool
is_known(struct smtp_feedback_memory *mem, uint64_t h)
{
	uint64_t *at = &mem->known[h / 2 % SMTP_FEEDBACK_KNOWN];
	bool known;

	pthread_mutex_lock(&mem->lock);
	known = *at == h;
	*at = h;
	pthread_mutex_unlock(&mem->lock);
	return known;
}

static void
forget(struct smtp_feedback_memory *mem, uint64_t h)
{
	uint64_t *at = &mem->known[h / 2 % SMTP_FEEDBACK_KNOWN];

	pthread_mutex_lock(&mem->lock);
	if (*at == h)
		*at = 0;
	pthread_mutex_unlock(&mem->lock);
}

/* ---- who may ---- */

/* A destination outside, until the DNS has answered. */
struct outside {
	struct smtp_feedback_memory *mem;
	struct history *history;
	uint64_t hash;
	int64_t when;
	char domain[DNS_NAME_MAX];
	char address[REPORT_TEXT_MAX];
};

static void
tell_wanted(
    struct history *history, int64_t when, struct sv domain, struct sv address)
{
	const struct feedback_wanted w = {when, domain, address};
	char about[LOG_Q_MAX], to[LOG_Q_MAX];
	struct msg m;

	mlog(LOG_DEBUG, "feedback.wanted", "domain=%s address=%s",
	    log_q(about, domain), log_q(to, address));
	msg_init(&m, FEEDBACK_WANTED);
	feedback_wanted_put(&m, &w);
	history_tell(history, &m);
}

static struct sv
host_of(struct sv address)
{
	return sv_skip(address, sv_rchr(address, '@') + 1);
}

/* Other addresses of the same host instead of the one that was asked for; with
 * one of another host there is no report to anybody. */
static void
tell_overriding(const struct outside *o, struct sv list)
{
	struct sv host = host_of(sv_str(o->address)), rest = list;
	struct buf address;
	bool usable, same = true;
	int pass;

	buf_init(&address, 2048);
	for (pass = 0; pass < 2 && same; pass++)
		for (rest = list; feedback_next_uri(&rest, &usable, &address);
		     buf_reset(&address)) {
			if (!usable)
				continue;
			if (!sv_ieq(host_of(buf_sv(&address)), host))
				same = false;
			else if (pass == 1)
				tell_wanted(o->history, o->when,
				    sv_str(o->domain), buf_sv(&address));
		}
	buf_fini(&address);
}

static void
on_answer(struct dns_answer *a, void *arg)
{
	struct outside *o = arg;
	struct dmarc_record r;
	struct buf text;
	bool told = false;
	size_t i;

	buf_init(&text, 8192);
	if (a->rc == RC_TEMP || a->rc == RC_TIMEOUT)
		forget(o->mem, o->hash);
	for (i = 0; a->rc == RC_OK && i < a->n && !told; i++) {
		buf_reset(&text);
		if (dns_txt(a->record[i], &text) != RC_OK ||
		    dmarc_record_parse(buf_sv(&text), &r) != RC_OK)
			continue;
		told = true;
		if (r.rua[0] != '\0')
			tell_overriding(o, sv_str(r.rua));
		else
			tell_wanted(o->history, o->when, sv_str(o->domain),
			    sv_str(o->address));
	}
	buf_fini(&text);
	free(o);
}

static void
ask_outside(struct smtp_feedback_memory *mem, struct history *history,
    struct peer *dns, const struct feedback_seen *seen, struct sv address)
{
	struct sv domain = seen->policy.domain;
	struct outside *o;
	struct buf name;

	if (domain.n >= sizeof o->domain || address.n >= sizeof o->address)
		return;
	o = xcalloc(1, sizeof *o);
	o->mem = mem;
	o->history = history;
	o->when = seen->when;
	o->hash = hash_of(mem, seen->when / (DAY), domain, address);
	sv_copy(domain, o->domain, sizeof o->domain);
	sv_copy(address, o->address, sizeof o->address);
	buf_init(&name, DNS_NAME_MAX - 1);
	buf_addf(&name, "%.*s._report._dmarc.%.*s", SV_ARG(domain),
	    SV_ARG(host_of(address)));
	/* [RFC 9990 4] step 4: a name that is too long confirms nothing. */
	if (!buf_ok(&name) ||
	    dns_ask(dns, name.p, DNS_TXT, DNS_MS, on_answer, o) != RC_OK)
		free(o);
	buf_fini(&name);
}

static void
look_at_address(struct smtp_feedback_memory *mem, struct history *history,
    struct peer *dns, const struct smtp_feedback *f, struct sv address)
{
	const struct feedback_seen *seen = &f->seen;
	uint64_t h =
	    hash_of(mem, seen->when / (DAY), seen->policy.domain, address);

	if (is_known(mem, h))
		return;
	if (mail_domain_is_within(
		host_of(address), f->org.n > 0 ? f->org : seen->policy.domain))
		tell_wanted(history, seen->when, seen->policy.domain, address);
	else
		ask_outside(mem, history, dns, seen, address);
}

void
smtp_feedback_send(struct smtp_feedback_memory *mem, struct history *history,
    struct peer *dns, const struct smtp_feedback *f)
{
	struct sv list = f->rua;
	struct buf address;
	bool usable;
	unsigned n = 0;
	struct msg m;

	msg_init(&m, FEEDBACK_SEEN);
	feedback_seen_put(&m, &f->seen);
	history_tell(history, &m);
	buf_init(&address, 2048);
	while (n < URI_MAX && feedback_next_uri(&list, &usable, &address)) {
		if (usable) {
			n++;
			look_at_address(mem, history, dns, f, buf_sv(&address));
		}
		buf_reset(&address);
	}
	buf_fini(&address);
}
