/*
 * Are the addresses that mail leaves from on lists that others ask before they
 * take it (dns/block_list.h)?
 */
#include "dns/block_list.h"
#include "publish/publish_priv.h"

static struct block_codes
codes_of(const struct conf_block_list *b)
{
	return (struct block_codes){(const uint32_t(*)[2])b->code, b->ncode};
}

/* One of its test entries, in the family of the address. */
static const struct dns_answer *
ask_test(struct publish *p, const struct conf_block_list *b, unsigned n)
{
	char name[DNS_NAME_MAX];

	block_list_test_name(!IN6_IS_ADDR_V4MAPPED(&p->ip), n, b->zone, name);
	return publish_ask(p, name, DNS_A);
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

/* RC_OK: the list can be believed. */
static int
check_list(struct publish *p, const struct conf_block_list *b)
{
	const struct dns_answer *yes = ask_test(p, b, 2);
	const struct dns_answer *no = ask_test(p, b, 1);
	const struct block_codes codes = codes_of(b);
	bool ipv6 = !IN6_IS_ADDR_V4MAPPED(&p->ip);
	struct block_answer two, one;

	if (yes == NULL || no == NULL)
		return RC_MORE;
	block_list_read(&codes, yes, &two);
	block_list_read(&codes, no, &one);
	switch (block_list_health(&two, &one)) {
	case BLOCK_GOOD:
		return RC_OK;
	case BLOCK_SILENT:
		(void)publish_say(
		    p, PUBLISH_UNKNOWN, "no answer to test questions");
		break;
	case BLOCK_ALL:
		(void)publish_say(p, PUBLISH_UNKNOWN,
		    "its answers cannot be trusted: it lists 127.0.0.1 (%s), "
		    "so the list is dead, or a resolver on the way rewrites "
		    "answers",
		    one.odd ? one.odd_code : one.code);
		break;
	case BLOCK_REFUSES:
		(void)publish_say(p, PUBLISH_UNKNOWN,
		    "the list refuses to answer this server (%s)",
		    two.odd_code);
		break;
	case BLOCK_EMPTY:
		(void)publish_say(p, PUBLISH_UNKNOWN, "%s",
		    ipv6 ? "no IPv6 addresses are listed there"
			 : "empty, so dead or not answering this server");
		p->hint = ipv6;
		break;
	}
	return RC_NOTFOUND;
}

static int
judge(struct publish *p, const struct conf_block_list *b,
    const struct dns_answer *a)
{
	const struct block_codes codes = codes_of(b);
	char ip[LOOKUP_IP_TEXT];
	struct block_answer c;

	(void)lookup_ip_text(&p->ip, ip);
	block_list_read(&codes, a, &c);
	if (c.listed || c.odd)
		publish_found(p, sv_str(c.odd ? c.odd_code : c.code));
	if (c.odd)
		return publish_say(p, PUBLISH_UNKNOWN,
		    "%s is not one of its codes: that is an error of the list, "
		    "or a resolver on the way rewrites answers",
		    c.odd_code);
	if (!c.listed)
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	return publish_say(p, PUBLISH_DIFFERENT,
	    "%s is listed (%s), and many hosts refuse its mail: see %s", ip,
	    c.code, look_it_up(b->zone));
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

	for (i = 0; i < c->dns.block_lists.n; i++)
		for (k = 0; k < h->nsender; k++) {
			struct publish *p =
			    publish_add(l, PUBLISH_BLOCK_LIST, DNS_A);

			p->list = &c->dns.block_lists.list[i];
			p->ip = h->sender[k];
			p->advice = true;
			block_list_name(&p->ip, p->list->zone, name);
			publish_set_name(p, "%s", name);
		}
}
