#include "dns/block_list.h"

#include <arpa/inet.h>
#include <stdio.h>

static void
join(const char *host, const char *zone, char out[DNS_NAME_MAX])
{
	int n = snprintf(out, DNS_NAME_MAX, "%s.%s", host, zone);

	/* Such a name does not exist. */
	if (n < 0 || n >= DNS_NAME_MAX)
		out[0] = '\0';
}

void
block_list_name(
    const struct in6_addr *ip, const char *zone, char out[DNS_NAME_MAX])
{
	char reverse[DNS_NAME_MAX];
	struct sv host;

	dns_reverse(ip, reverse);
	host = sv_str(reverse);
	host = sv_first(host, sv_rchr(host, '.')); /* without "arpa" */
	reverse[sv_rchr(host, '.')] = '\0';
	join(reverse, zone, out);
}

void
block_list_test_name(
    bool ipv6, unsigned n, const char *zone, char out[DNS_NAME_MAX])
{
	char host[DNS_NAME_MAX];

	(void)snprintf(host, sizeof host,
	    ipv6 ? "%u.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0."
		   "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
		 : "%u.0.0.127",
	    n);
	join(host, zone, out);
}

static bool
is_code(const struct block_codes *c, const struct in6_addr *ip)
{
	const unsigned char *a = ip->s6_addr;
	uint32_t v = (uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 |
		     (uint32_t)a[14] << 8 | a[15];
	size_t i;

	for (i = 0; i < c->n; i++)
		if (v >= c->range[i][0] && v <= c->range[i][1])
			return true;
	return false;
}

void
block_list_read(const struct block_codes *codes, const struct dns_answer *a,
    struct block_answer *out)
{
	struct in6_addr ip;
	size_t i;

	*out = (struct block_answer){
	    .failed = a->rc != RC_OK && a->rc != RC_NOTFOUND};
	for (i = 0; i < a->n; i++) {
		bool good;
		char *code;

		if (dns_addr(a->record[i], &ip) != RC_OK)
			continue;
		good = is_code(codes, &ip);
		code = good ? out->code : out->odd_code;
		if (code[0] == '\0')
			must(inet_ntop(AF_INET, ip.s6_addr + 12, code,
				 INET_ADDRSTRLEN) != NULL);
		out->listed = out->listed || good;
		out->odd = out->odd || !good;
	}
}

enum block_health
block_list_health(
    const struct block_answer *two, const struct block_answer *one)
{
	if (two->failed || one->failed)
		return BLOCK_SILENT;
	if (one->listed || one->odd)
		return BLOCK_ALL;
	if (two->odd)
		return BLOCK_REFUSES;
	return two->listed ? BLOCK_GOOD : BLOCK_EMPTY;
}
