/*
 * Are the addresses that mail leaves from on lists that others ask before they
 * take it [RFC 5782]?
 *
 * A list that is gone, or a resolver that answers for what does not exist, says
 * of every address that it is listed.  So an answer counts only if it is one of
 * the list's codes, and if the list passes the test that each of them must: it
 * has 127.0.0.2 and has not 127.0.0.1 [RFC 5782 5].
 */
#include "publish/publish_priv.h"

/* ---- codes ---- */

static bool
is_code(const struct conf_block_list *b, const struct in6_addr *ip)
{
	const unsigned char *a = ip->s6_addr;
	uint32_t v = (uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 |
		     (uint32_t)a[14] << 8 | a[15];
	size_t i;

	for (i = 0; i < b->ncode; i++)
		if (v >= b->code[i].first && v <= b->code[i].last)
			return true;
	return false;
}

struct codes {
	bool listed, odd;	   /* a code of the list; something else */
	char text[LOOKUP_IP_TEXT]; /* the first of the odd ones, or of all */
};

static void
read_codes(const struct conf_block_list *b, const struct dns_answer *a,
    struct codes *out)
{
	struct in6_addr ip;
	size_t i;

	*out = (struct codes){.listed = false};
	for (i = 0; i < a->n; i++) {
		bool good;

		if (dns_addr(a->record[i], &ip) != RC_OK)
			continue;
		good = is_code(b, &ip);
		if (out->text[0] == '\0' || (!good && !out->odd))
			(void)lookup_ip_text(&ip, out->text);
		out->listed |= good;
		out->odd |= !good;
	}
}

/* ---- questions ---- */

/* "2.0.0.127." */
static void
reverse(const struct in6_addr *ip, char out[DNS_NAME_MAX])
{
	struct sv name;

	dns_reverse(ip, out);
	name = sv_str(out);
	name = sv_first(name, sv_rchr(name, '.')); /* without "arpa" */
	out[sv_rchr(name, '.')] = '\0';
}

/* 127.0.0.last, in the family of the address: for IPv6 ::ffff:7f00:2, which
 * only looks like an IPv4 address here. */
static const struct dns_answer *
ask_test(struct publish *p, const struct conf_block_list *b, unsigned last)
{
	if (IN6_IS_ADDR_V4MAPPED(&p->ip))
		return publish_askf(p, DNS_A, "%u.0.0.127.%s", last, b->zone);
	return publish_askf(p, DNS_A,
	    "%u.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0."
	    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.%s",
	    last, b->zone);
}

/* ---- the judgement ---- */

/* Where the owner of an address can look up why. */
static const char *
look_it_up(const char *zone)
{
	static const char *const at[][2] = {
	    {"zen.spamhaus.org", "https://check.spamhaus.org"},
	    {"bl.spamcop.net", "https://www.spamcop.net/bl.shtml"},
	    {"psbl.surriel.com", "https://psbl.org"},
	};
	size_t i;

	for (i = 0; i < sizeof at / sizeof at[0]; i++)
		if (strcmp(at[i][0], zone) == 0)
			return at[i][1];
	return "the web site of the list";
}

static bool
is_failure(const struct dns_answer *a)
{
	return a->rc != RC_OK && a->rc != RC_NOTFOUND;
}

/* RC_OK: the list can be believed. */
static int
check_list(struct publish *p, const struct conf_block_list *b)
{
	const struct dns_answer *yes = ask_test(p, b, 2);
	const struct dns_answer *no = ask_test(p, b, 1);
	struct codes y = {.listed = false}, n;

	if (yes == NULL || no == NULL)
		return RC_MORE;
	if (is_failure(yes) || is_failure(no)) {
		(void)publish_say(
		    p, PUBLISH_UNKNOWN, "no answer to test questions");
		return RC_NOTFOUND;
	}
	read_codes(b, yes, &y);
	read_codes(b, no, &n);
	if (n.listed || n.odd)
		(void)publish_say(p, PUBLISH_UNKNOWN,
		    "its answers cannot be trusted: it lists 127.0.0.1 (%s), "
		    "so the list is dead, or a resolver on the way rewrites "
		    "answers",
		    n.text);
	else if (y.odd)
		(void)publish_say(p, PUBLISH_UNKNOWN,
		    "the list refuses to answer this server (%s)", y.text);
	else if (!y.listed && IN6_IS_ADDR_V4MAPPED(&p->ip))
		(void)publish_say(p, PUBLISH_UNKNOWN,
		    "empty, so dead or not answering this server");
	else if (!y.listed)
		(void)publish_say(
		    p, PUBLISH_UNKNOWN, "no IPv6 addresses are listed there");
	else
		return RC_OK;
	p->hint = !IN6_IS_ADDR_V4MAPPED(&p->ip) && !y.listed && !y.odd;
	return RC_NOTFOUND;
}

static int
judge(struct publish *p, const struct conf_block_list *b,
    const struct dns_answer *a)
{
	char ip[LOOKUP_IP_TEXT];
	struct codes c;

	(void)lookup_ip_text(&p->ip, ip);
	read_codes(b, a, &c);
	if (c.text[0] != '\0')
		publish_found(p, sv_str(c.text));
	if (c.odd)
		return publish_say(p, PUBLISH_UNKNOWN,
		    "%s is not one of its codes: that is an error of the list, "
		    "or a resolver on the way rewrites answers",
		    c.text);
	if (!c.listed)
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	return publish_say(p, PUBLISH_DIFFERENT,
	    "%s is listed (%s), and many hosts refuse its mail: see %s", ip,
	    c.text, look_it_up(b->zone));
}

int
publish_judge_block_list(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	const struct conf_block_list *b = p->list;
	int r;

	(void)h;
	r = check_list(p, b);
	if (r != RC_OK)
		return r == RC_MORE ? r : RC_OK;
	return judge(p, b, a);
}

void
publish_add_block_lists(
    struct publish_list *l, const struct publish_host *h, const struct conf *c)
{
	char name[DNS_NAME_MAX];
	size_t i, k;

	for (i = 0; i < c->dns.nblock_list; i++)
		for (k = 0; k < h->nsender; k++) {
			struct publish *p =
			    publish_add(l, PUBLISH_BLOCK_LIST, DNS_A);

			p->list = &c->dns.block_list[i];
			p->ip = h->sender[k];
			p->advice = true;
			reverse(&p->ip, name);
			publish_set_name(p, "%s.%s", name, p->list->zone);
		}
}
