#include "msgauth/verdict.h"

#include "base/be.h"
#include "msgauth/lookup.h"

enum tag {
	TAG_TIME = 1,
	TAG_PEER,
	TAG_RESULTS,
	TAG_POLICY,
	TAG_ACTION,
	TAG_DOMAIN,
	TAG_ORG,
	TAG_ALIGNED,
	TAG_OTHER,
	TAG_LISTED,
	TAG_KNOWN,
	TAG_AUTHOR,
	TAG_STANDING
};

#define RESULTS_N  6
#define POLICY_N   4
#define ACTION_N   2
#define KNOWN_N	   2
#define STANDING_N 2

const char *
verdict_override_name(enum verdict_override o)
{
	static const char *const names[VERDICT_OVERRIDES] = {
	    [VERDICT_AS_ASKED] = "",
	    [VERDICT_LIST] = "mailing_list",
	    [VERDICT_ARC] = "trusted_forwarder",
	    [VERDICT_OWNER] = "local_policy",
	    [VERDICT_OTHERS] = "local_policy",
	    [VERDICT_UNKNOWN] = "other",
	};

	must(o < VERDICT_OVERRIDES);
	return names[o];
}

/* ---- making ---- */

/* The best of all signatures: one that has passed, else the first. */
static enum auth_result
dkim_result(const struct check_result *r)
{
	size_t i;

	for (i = 0; i < r->ndkim; i++)
		if (r->dkim[i].result == AUTH_PASS)
			return AUTH_PASS;
	return r->ndkim > 0 ? r->dkim[0].result : AUTH_NONE;
}

static void
copy_name(const char *name, char *out, size_t size)
{
	struct sv s = sv_str(name);

	sv_copy(sv_first(s, size - 1), out, size);
}

void
verdict_make(const struct check_result *r, int64_t now, struct verdict *out)
{
	const struct dmarc_outcome *d = &r->dmarc;

	*out = (struct verdict){.received = now,
	    .peer = r->peer,
	    .spf = r->mailfrom.result,
	    .helo = r->helo.result,
	    .dkim = dkim_result(r),
	    .arc = r->arc.result,
	    .dmarc = d->result,
	    .iprev = r->iprev.result,
	    .author = d->author,
	    .published = d->published,
	    .disposition = d->disposition,
	    .aligned = (uint8_t)((d->spf_aligned ? VERDICT_SPF_ALIGNED : 0) |
				 (d->dkim_aligned ? VERDICT_DKIM_ALIGNED : 0))};
	copy_name(d->domain, out->domain, sizeof out->domain);
	copy_name(d->org, out->org, sizeof out->org);
	copy_name(r->author, out->author_address, sizeof out->author_address);
	if (d->dkim_aligned && d->dkim_which < r->ndkim)
		copy_name(r->dkim[d->dkim_which].domain, out->aligned_domain,
		    sizeof out->aligned_domain);
	else if (d->spf_aligned)
		copy_name(r->mailfrom.domain, out->aligned_domain,
		    sizeof out->aligned_domain);
}

/* ---- bytes ---- */

static void
put(struct buf *b, enum tag tag, struct sv value)
{
	size_t i = 0;

	while (i < value.n && value.p[i] == '\0')
		i++;
	if (i == value.n)
		return;
	buf_addc(b, (char)tag);
	buf_addc(b, (char)value.n);
	buf_addsv(b, value);
}

void
verdict_encode(const struct verdict *v, struct buf *out)
{
	const char results[RESULTS_N] = {(char)v->spf, (char)v->helo,
	    (char)v->dkim, (char)v->arc, (char)v->dmarc, (char)v->iprev};
	const char policy[POLICY_N] = {(char)v->author, (char)v->published,
	    (char)v->disposition, (char)v->aligned};
	const char action[ACTION_N] = {(char)v->action, (char)v->override};
	const char known[KNOWN_N] = {(char)v->known, (char)v->verified};
	const char standing[STANDING_N] = {
	    (char)v->domain_standing, (char)v->network_standing};
	char time[8];

	be_put64(time, (uint64_t)v->received);
	put(out, TAG_TIME, sv_of(time, sizeof time));
	put(out, TAG_PEER, sv_of(&v->peer, sizeof v->peer));
	put(out, TAG_RESULTS, sv_of(results, sizeof results));
	put(out, TAG_POLICY, sv_of(policy, sizeof policy));
	put(out, TAG_ACTION, sv_of(action, sizeof action));
	put(out, TAG_DOMAIN, sv_str(v->domain));
	put(out, TAG_ORG, sv_str(v->org));
	put(out, TAG_ALIGNED, sv_str(v->aligned_domain));
	put(out, TAG_OTHER, sv_str(v->other));
	put(out, TAG_LISTED, sv_str(v->listed));
	put(out, TAG_KNOWN, sv_of(known, sizeof known));
	put(out, TAG_AUTHOR, sv_str(v->author_address));
	put(out, TAG_STANDING, sv_of(standing, sizeof standing));
}

void
verdict_encode_for(
    const struct verdict *v, const struct verdict_own *to, struct buf *out)
{
	struct verdict own = *v;

	own.action = to->junk ? VERDICT_JUNK : VERDICT_DELIVERED;
	own.override = to->override;
	own.known = to->known;
	if (to->override != v->override)
		own.other[0] = '\0';
	verdict_encode(&own, out);
}

enum verdict_known
verdict_known_of(const struct verdict *v)
{
	return v->verified ? VERDICT_KNOWN : VERDICT_CLAIMED;
}

/* Byte i of the value, below `end`. */
static bool
get_u8(struct sv value, size_t i, unsigned end, unsigned *out)
{
	if (i >= value.n || (unsigned char)value.p[i] >= end)
		return false;
	*out = (unsigned char)value.p[i];
	return true;
}

static bool
get_results(struct verdict *v, struct sv value)
{
	unsigned r[RESULTS_N];
	size_t i;

	for (i = 0; i < RESULTS_N; i++)
		if (!get_u8(value, i, AUTH_RESULTS, &r[i]))
			return false;
	v->spf = (enum auth_result)r[0];
	v->helo = (enum auth_result)r[1];
	v->dkim = (enum auth_result)r[2];
	v->arc = (enum auth_result)r[3];
	v->dmarc = (enum auth_result)r[4];
	v->iprev = (enum auth_result)r[5];
	return true;
}

static bool
get_policy(struct verdict *v, struct sv value)
{
	unsigned author, published, disposition, aligned;

	if (!get_u8(value, 0, DMARC_AUTHOR_DOMAINS + 1, &author) ||
	    !get_u8(value, 1, DMARC_P_REJECT + 1, &published) ||
	    !get_u8(value, 2, DMARC_P_REJECT + 1, &disposition) ||
	    !get_u8(value, 3, 4, &aligned))
		return false;
	v->author = (enum dmarc_author)author;
	v->published = (enum dmarc_policy)published;
	v->disposition = (enum dmarc_policy)disposition;
	v->aligned = (uint8_t)aligned;
	return true;
}

static bool
get_action(struct verdict *v, struct sv value)
{
	unsigned action, override;

	if (!get_u8(value, 0, VERDICT_ACTIONS, &action) ||
	    !get_u8(value, 1, VERDICT_OVERRIDES, &override))
		return false;
	v->action = (enum verdict_action)action;
	v->override = (enum verdict_override) override;
	return true;
}

static bool
get_known(struct verdict *v, struct sv value)
{
	unsigned known, verified;

	if (!get_u8(value, 0, VERDICT_KNOWNS, &known) ||
	    !get_u8(value, 1, 2, &verified))
		return false;
	v->known = (enum verdict_known)known;
	v->verified = verified != 0;
	return true;
}

static bool
get_standing(struct verdict *v, struct sv value)
{
	unsigned domain, network;

	if (!get_u8(value, 0, 16, &domain) || !get_u8(value, 1, 16, &network))
		return false;
	v->domain_standing = (uint8_t)domain;
	v->network_standing = (uint8_t)network;
	return true;
}

static bool
get_text(struct sv value, char *out, size_t size)
{
	if (value.n >= size || !sv_is_graph(value))
		return false;
	sv_copy(value, out, size);
	return true;
}

static bool
get_value(struct verdict *v, unsigned tag, struct sv value)
{
	switch (tag) {
	case TAG_TIME:
		if (value.n != 8)
			return false;
		v->received = (int64_t)be_get64(value.p);
		return true;
	case TAG_PEER:
		if (value.n != sizeof v->peer)
			return false;
		memcpy(&v->peer, value.p, value.n);
		return true;
	case TAG_RESULTS:
		return get_results(v, value);
	case TAG_POLICY:
		return get_policy(v, value);
	case TAG_ACTION:
		return get_action(v, value);
	case TAG_DOMAIN:
		return get_text(value, v->domain, sizeof v->domain);
	case TAG_ORG:
		return get_text(value, v->org, sizeof v->org);
	case TAG_ALIGNED:
		return get_text(
		    value, v->aligned_domain, sizeof v->aligned_domain);
	case TAG_OTHER:
		return get_text(value, v->other, sizeof v->other);
	case TAG_LISTED:
		return get_text(value, v->listed, sizeof v->listed);
	case TAG_KNOWN:
		return get_known(v, value);
	case TAG_AUTHOR:
		return get_text(
		    value, v->author_address, sizeof v->author_address);
	case TAG_STANDING:
		return get_standing(v, value);
	default:
		return true;
	}
}

int
verdict_decode(struct sv bytes, struct verdict *out)
{
	struct verdict v = {.received = 0};
	unsigned last = 0;

	if (bytes.n == 0)
		return RC_SYNTAX;
	while (bytes.n > 0) {
		unsigned tag, n;

		if (!get_u8(bytes, 0, 256, &tag) ||
		    !get_u8(bytes, 1, 256, &n) || n > bytes.n - 2 ||
		    tag <= last ||
		    !get_value(&v, tag, sv_first(sv_skip(bytes, 2), n)))
			return RC_SYNTAX;
		last = tag;
		bytes = sv_skip(bytes, 2 + (size_t)n);
	}
	*out = v;
	return RC_OK;
}

/* ---- for people ---- */

void
verdict_print(const struct verdict *v, struct buf *out)
{
	static const char *const from[] = {"none", "spf", "dkim", "spf,dkim"};
	char ip[LOOKUP_IP_TEXT];

	(void)lookup_ip_text(&v->peer, ip);
	buf_addf(out,
	    "received=%lld peer=%s author=%s dmarc=%s policy=%s applied=%s "
	    "aligned=%s spf=%s helo=%s dkim=%s arc=%s iprev=%s action=%s",
	    (long long)v->received, ip, v->domain[0] != '\0' ? v->domain : "?",
	    auth_result_name(v->dmarc), dmarc_policy_name(v->published),
	    dmarc_policy_name(v->disposition), from[v->aligned & 3u],
	    auth_result_name(v->spf), auth_result_name(v->helo),
	    auth_result_name(v->dkim), auth_result_name(v->arc),
	    auth_result_name(v->iprev),
	    v->action == VERDICT_JUNK ? "junk" : "delivered");
	if (v->org[0] != '\0')
		buf_addf(out, " org=%s", v->org);
	if (v->aligned_domain[0] != '\0')
		buf_addf(out, " passed=%s", v->aligned_domain);
	if (v->override != VERDICT_AS_ASKED)
		buf_addf(
		    out, " override=%s", verdict_override_name(v->override));
	if (v->other[0] != '\0')
		buf_addf(out, " for=%s", v->other);
	if (v->listed[0] != '\0')
		buf_addf(out, " listed=%s", v->listed);
	if (v->domain_standing + v->network_standing > 0)
		buf_addf(out, " standing=%u,%u", v->domain_standing,
		    v->network_standing);
	if (v->known != VERDICT_STRANGER)
		buf_addf(out, " known=%s",
		    v->known == VERDICT_KNOWN ? "yes" : "claimed");
}
