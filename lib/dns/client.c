#include <stdlib.h>

#include "base/alloc.h"
#include "dns/client_priv.h"
#include "ipc/msg_dns.h"
#include "ipc/proto.h"

void
dns_answer_init(struct dns_answer *a)
{
	*a = (struct dns_answer){.rc = RC_TEMP};
}

void
dns_answer_fini(struct dns_answer *a)
{
	free(a->record);
	free(a->bytes);
	a->record = NULL;
	a->bytes = NULL;
	a->n = 0;
}

_Static_assert(DNS_SECURITIES == DNS_BOGUS + 1, "enum dns_security");
_Static_assert(DNS_MSG_NAME_MAX == DNS_NAME_MAX, "the length of a name");

/* The dns process's words into *a; false if they are none. */
static bool
read_reply(struct msg *m, struct dns_answer *a)
{
	struct dns_reply r;
	uint32_t i;

	if (dns_reply_get(m, &r) != RC_OK)
		return false;
	a->rc = r.rc;
	a->security = (enum dns_security)r.security;
	a->ttl = r.ttl;
	sv_copy(r.canonical, a->canonical, sizeof a->canonical);
	/* One block for all: they are in the rest of the message. */
	a->bytes = xmemdup0(m->b.p, m->b.n);
	for (i = 0; i < r.nrecord; i++)
		r.record[i].p = a->bytes + (r.record[i].p - m->b.p);
	a->record = r.record;
	a->n = r.nrecord;
	return true;
}

int
dns_question_rc(int rc)
{
	return rc == RC_TIMEOUT || rc == RC_SYNTAX ? rc : RC_TEMP;
}

/* rc and message of a peer into an answer. */
static void
take_reply(int rc, struct msg *reply, struct dns_answer *a)
{
	dns_answer_init(a);
	if (rc == RC_OK && !read_reply(reply, a)) {
		dns_answer_fini(a);
		dns_answer_init(a);
	} else if (rc != RC_OK) {
		a->rc = dns_question_rc(rc);
	}
}

int
dns_question_make(uint16_t kind, const char *name, enum dns_type type, bool any,
    struct msg *m)
{
	char plain[DNS_NAME_MAX];
	struct dns_question q;
	int r = any ? dns_name_any(sv_str(name), plain)
		    : dns_name_normalise(sv_str(name), plain);

	if (r != RC_OK)
		return r;
	q = (struct dns_question){sv_str(plain), (uint32_t)type, any};
	msg_init(m, kind);
	dns_question_put(m, &q);
	return RC_OK;
}

int
dns_question_call(struct peer *dns, uint16_t kind, const char *name,
    enum dns_type type, int64_t timeout_ms, struct msg *reply)
{
	struct msg m;
	int r = dns_question_make(kind, name, type, false, &m);

	if (r == RC_OK)
		return peer_call(dns, &m, timeout_ms, reply);
	msg_init(reply, MSG_REPLY);
	return r;
}

int
dns_query(struct peer *dns, const char *name, enum dns_type type,
    int64_t timeout_ms, struct dns_answer *out)
{
	struct msg reply;
	int r =
	    dns_question_call(dns, DNS_QUERY, name, type, timeout_ms, &reply);

	take_reply(r, &reply, out);
	msg_fini(&reply);
	return out->rc;
}

struct asked {
	dns_done_fn *fn;
	void *arg;
};

static void
on_reply(int rc, struct msg *reply, void *arg)
{
	struct asked *q = arg;
	struct dns_answer a;

	take_reply(rc, reply, &a);
	q->fn(&a, q->arg);
	dns_answer_fini(&a);
	free(q);
}

static void
send_question(struct peer *dns, struct msg *m, int64_t timeout_ms,
    dns_done_fn *fn, void *arg)
{
	struct asked *q = xcalloc(1, sizeof *q);

	q->fn = fn;
	q->arg = arg;
	peer_ask(dns, m, timeout_ms, on_reply, q);
}

int
dns_ask(struct peer *dns, const char *name, enum dns_type type,
    int64_t timeout_ms, dns_done_fn *fn, void *arg)
{
	struct msg m;
	int r = dns_question_make(DNS_QUERY, name, type, false, &m);

	if (r == RC_OK)
		send_question(dns, &m, timeout_ms, fn, arg);
	return r;
}

int
dns_ask_any(struct peer *dns, const char *name, enum dns_type type,
    int64_t timeout_ms, dns_done_fn *fn, void *arg)
{
	struct msg m;
	int r = dns_question_make(DNS_QUERY, name, type, true, &m);

	if (r == RC_OK)
		send_question(dns, &m, timeout_ms, fn, arg);
	return r;
}
