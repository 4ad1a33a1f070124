/* Answer packets: name, type and packet from the bytes; whatever is read must
 * stay within the limits, and its records must be readable or refused. */
#include <stdint.h>

#include "dns/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_record(struct sv r)
{
	char host[DNS_NAME_MAX];
	struct dns_tlsa tlsa;
	struct dns_srv srv;
	struct in6_addr a;
	uint16_t n = 0;
	struct buf b;

	buf_init(&b, 65536);
	if (dns_mx(r, &n, host) == RC_OK)
		must(strlen(host) < DNS_NAME_MAX);
	if (dns_srv(r, &srv) == RC_OK)
		n = srv.port;
	if (dns_host(r, host) == RC_OK)
		n++;
	if (dns_addr(r, &a) == RC_OK)
		must(!IN6_IS_ADDR_V4COMPAT(&a));
	if (dns_txt(r, &b) == RC_OK)
		must(b.n < r.n);
	if (dns_tlsa(r, &tlsa) == RC_OK)
		must(tlsa.data.n + 3 == r.n);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = {DNS_A, DNS_NS, DNS_CNAME, DNS_PTR,
	    DNS_MX, DNS_TXT, DNS_AAAA, DNS_SRV, DNS_TLSA};
	const struct dns_packet_limits limits = DNS_PACKET_LIMITS;
	struct sv in = sv_of(data, size), rest, record;
	struct dns_packet out;
	enum dns_type type;
	size_t n = 0;

	if (size == 0)
		return 0;
	type = types[data[0] % (sizeof types / sizeof types[0])];
	in = sv_skip(in, 1);
	read_record(in);
	if (dns_packet_read(in, "a.test", type, &limits, &out) != RC_OK)
		return 0;
	must(out.n <= limits.records && out.data.n <= limits.bytes);
	must(strlen(out.canonical) < DNS_NAME_MAX);
	rest = buf_sv(&out.data);
	while (dns_packet_next(&rest, &record)) {
		read_record(record);
		n++;
	}
	must(n == out.n && rest.n == 0);
	buf_fini(&out.data);
	return 0;
}
