#include "dns/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "dns/client_priv.h"
#include "dns/packet.h"
#include "ipc/msg_dns.h"
#include "ipc/proto.h"

void
dns_authority_init(struct dns_authority *a)
{
	*a = (struct dns_authority){.rc = RC_TEMP};
}

void
dns_authority_fini(struct dns_authority *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		dns_answer_fini(&a->server[i].answer);
	free(a->server);
	a->server = NULL;
	a->n = 0;
}

_Static_assert(DNS_DIRECT_MAX == DNS_AUTHORITY_SERVERS_MAX, "servers");
_Static_assert(DNS_DIRECT_ADDRESS_MAX == DNS_AUTHORITY_ADDRESS_MAX, "text");

static void
take_server(const struct dns_direct_answer *d, struct dns_authority_server *s)
{
	struct dns_answer *a = &s->answer;
	struct sv rest, record;
	size_t n = 0;

	sv_copy(d->name, s->name, sizeof s->name);
	sv_copy(d->address, s->address, sizeof s->address);
	s->unroutable = d->unroutable;
	dns_answer_init(a);
	a->rc = d->rc;
	a->security = (enum dns_security)d->security;
	a->ttl = d->ttl;
	sv_copy(d->canonical, a->canonical, sizeof a->canonical);
	a->bytes = xmemdup0(d->records.p, d->records.n);
	for (rest = d->records; dns_packet_next(&rest, &record);)
		n++;
	a->record = xcalloc(n + 1, sizeof *a->record);
	rest = sv_of(a->bytes, d->records.n);
	while (a->n < n && dns_packet_next(&rest, &record))
		a->record[a->n++] = record;
}

/* The dns process's words into *a, which is a beginning. */
static void
take_reply(int rc, struct msg *reply, struct dns_authority *a)
{
	struct dns_direct d;
	uint32_t i;

	if (rc != RC_OK) {
		a->rc = dns_question_rc(rc);
		return;
	}
	if (dns_direct_get(reply, &d) != RC_OK)
		return;
	a->rc = d.rc;
	a->negative_ttl = d.negative_ttl;
	sv_copy(d.zone, a->zone, sizeof a->zone);
	a->server = xcalloc(d.n + 1, sizeof *a->server);
	for (i = 0; i < d.n; i++)
		take_server(&d.server[i], &a->server[a->n++]);
	dns_direct_fini(&d);
	if (a->rc == RC_OK && a->n == 0)
		a->rc = RC_TEMP;
}

int
dns_authority_query(struct peer *dns, const char *name, enum dns_type type,
    int64_t timeout_ms, struct dns_authority *out)
{
	struct msg reply;
	int r = dns_question_call(
	    dns, DNS_AUTHORITY, name, type, timeout_ms, &reply);

	dns_authority_init(out);
	take_reply(r, &reply, out);
	msg_fini(&reply);
	return out->rc;
}

struct asked {
	dns_authority_fn *fn;
	void *arg;
};

static void
on_reply(int rc, struct msg *reply, void *arg)
{
	struct asked *q = arg;
	struct dns_authority a;

	dns_authority_init(&a);
	take_reply(rc, reply, &a);
	q->fn(&a, q->arg);
	dns_authority_fini(&a);
	free(q);
}

int
dns_authority_ask(struct peer *dns, const char *name, enum dns_type type,
    int64_t timeout_ms, dns_authority_fn *fn, void *arg)
{
	struct asked *q;
	struct msg m;
	int r = dns_question_make(DNS_AUTHORITY, name, type, false, &m);

	if (r != RC_OK)
		return r;
	q = xcalloc(1, sizeof *q);
	q->fn = fn;
	q->arg = arg;
	peer_ask(dns, &m, timeout_ms, on_reply, q);
	return RC_OK;
}

/* ---- as a whole ---- */

static bool
is_silent(const struct dns_authority_server *s)
{
	return s->answer.rc != RC_OK &&
	       (s->answer.rc != RC_NOTFOUND || s->address[0] == '\0');
}

/* Has no address of this one's name server answered that could have? */
static bool
is_dead(const struct dns_authority *a, const char *name)
{
	bool askable = false;
	size_t i;

	for (i = 0; i < a->n; i++) {
		const struct dns_authority_server *s = &a->server[i];

		if (strcmp(s->name, name) != 0 || s->unroutable)
			continue;
		/* Without an address it is asked by nobody. */
		if (!is_silent(s) || s->answer.rc == RC_NOTFOUND)
			return false;
		askable = true;
	}
	return askable;
}

static bool
is_first_of_name(const struct dns_authority *a, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (strcmp(a->server[i].name, a->server[j].name) == 0)
			return false;
	return true;
}

static void
say(struct dns_authority_count *c, const struct dns_authority_server *s,
    const char *what)
{
	if (c->text[0] == '\0')
		(void)snprintf(c->text, sizeof c->text, "%s%s%s%s %s", s->name,
		    s->address[0] != '\0' ? " (" : "", s->address,
		    s->address[0] != '\0' ? ")" : "", what);
}

static void
count_answers(const struct dns_authority *a, dns_authority_right_fn *right,
    void *arg, struct dns_authority_count *c)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		const struct dns_authority_server *s = &a->server[i];

		if (is_silent(s)) {
			c->silent++;
		} else if (s->answer.rc == RC_NOTFOUND || s->answer.n == 0) {
			c->missing++;
			say(c, s, "does not have it");
		} else if (right(&s->answer, arg)) {
			c->right++;
		} else {
			c->wrong++;
			say(c, s, "has something else");
		}
	}
}

void
dns_authority_count(const struct dns_authority *a,
    dns_authority_right_fn *right, void *arg, struct dns_authority_count *out)
{
	struct dns_authority_count c = {.text = ""};
	size_t i;

	count_answers(a, right, arg, &c);
	for (i = 0; i < a->n; i++)
		if (is_first_of_name(a, i) && is_dead(a, a->server[i].name)) {
			c.dead++;
			say(&c, &a->server[i],
			    a->server[i].answer.security == DNS_BOGUS
				? "gives answers that fail DNSSEC validation"
				: "does not answer");
		}
	if (a->n == 0)
		(void)snprintf(c.text, sizeof c.text,
		    "the domain's name servers could not be found");
	if (c.text[0] == '\0' && c.right == 0)
		(void)snprintf(c.text, sizeof c.text,
		    "no name server can be reached from here");
	c.everywhere = a->rc == RC_OK && c.right > 0 && c.missing == 0 &&
		       c.wrong == 0 && c.dead == 0;
	*out = c;
}
