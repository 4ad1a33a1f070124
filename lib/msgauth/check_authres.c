#include "msgauth/authres.h"
#include "msgauth/check.h"

static void
write_spf(
    struct authres_writer *w, const struct spf_outcome *o, const char *property)
{
	authres_method(w, "spf", o->result, spf_problem_text(o->problem));
	authres_prop(w, "smtp", property, sv_str(o->domain));
}

static void
write_dkim(struct authres_writer *w, const struct dkim_verdict *v)
{
	authres_method(w, "dkim", v->result, dkim_reason_text(v->reason));
	authres_prop(w, "header", "d", sv_str(v->domain));
	authres_prop(w, "header", "s", sv_str(v->selector));
	if (v->algorithm_known)
		authres_prop(w, "header", "a",
		    v->algorithm == DKIM_RSA ? SV("rsa-sha256")
					     : SV("ed25519-sha256"));
	authres_prop(w, "header", "b", sv_str(v->b));
}

static const char *
author_problem(enum dmarc_author a)
{
	switch (a) {
	case DMARC_AUTHOR_ONE:
		break;
	case DMARC_AUTHOR_NONE:
		return "no From field";
	case DMARC_AUTHOR_FIELDS:
		return "several From fields";
	case DMARC_AUTHOR_SYNTAX:
		return "no usable address in From";
	case DMARC_AUTHOR_UNCLEAR:
		return "unclear address in From";
	case DMARC_AUTHOR_TOO_MANY:
		return "too many header fields";
	case DMARC_AUTHOR_DOMAINS:
		return "several domains in From";
	}
	return NULL;
}

static void
write_dmarc(struct authres_writer *w, const struct dmarc_outcome *o,
    const struct check_override *override)
{
	authres_method(w, "dmarc", o->result, author_problem(o->author));
	authres_prop(w, "header", "from", sv_str(o->domain));
	if (o->policy_domain[0] != '\0')
		authres_prop(w, "policy", "dmarc",
		    sv_str(dmarc_policy_name(o->published)));
	if (override == NULL)
		return;
	authres_prop(w, "policy", "override", sv_str(override->name));
	authres_prop(w, "policy", override->property, sv_str(override->value));
}

static void
write_arc(struct authres_writer *w, const struct arc_outcome *o, const char *ip)
{
	struct buf n;

	authres_method(w, "arc", o->result, arc_reason_text(o->reason));
	if (o->result == AUTH_NONE)
		return;
	authres_prop(w, "smtp", "remote-ip", sv_str(ip));
	if (o->result != AUTH_PASS)
		return;
	buf_init(&n, 16);
	buf_addu(&n, o->oldest_pass);
	authres_prop(w, "header", "oldest-pass", buf_sv(&n));
	buf_fini(&n);
}

static void
write_all(const struct check_result *r, const struct check_override *o,
    const char *id, bool bare, struct buf *out)
{
	char ip[LOOKUP_IP_TEXT];
	struct authres_writer w;
	size_t i;

	(void)lookup_ip_text(&r->peer, ip);
	authres_begin(&w, out, id, bare);
	authres_method(&w, "iprev", r->iprev.result, NULL);
	authres_prop(&w, "policy", "iprev", sv_str(ip));
	if (!r->null_sender)
		write_spf(&w, &r->mailfrom, "mailfrom");
	write_spf(&w, &r->helo, "helo");
	if (r->ndkim == 0)
		authres_method(&w, "dkim", AUTH_NONE, NULL);
	for (i = 0; i < r->ndkim; i++)
		write_dkim(&w, &r->dkim[i]);
	write_dmarc(&w, &r->dmarc, o);
	write_arc(&w, &r->arc, ip);
	authres_end(&w);
}

void
check_authres(
    const struct check_result *r, const char *id, bool bare, struct buf *out)
{
	write_all(r, NULL, id, bare, out);
}

void
check_authres_noted(const struct check_result *r,
    const struct check_override *o, const char *id, struct buf *out)
{
	write_all(r, o, id, false, out);
}
