/* What strangers ask for the settings of their mail program. */
#include <stdint.h>

#include "clients/clients.h"
#include "clients/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct clients_server server = {.hostname = "mail.example.org",
    .port = {{{993, true}, {143, false}}, {{465, true}}, {{995, true}}},
    .web = true,
    .web_port = 443};

static struct conf *
configuration(void)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;

	must(conf_parse(SV("hostname: mail.example.org\n"
			   "domains: [example.org, example.test]\n"
			   "accounts: { anna: {} }\n"),
		 "f", &c, &e) == RC_OK);
	return c;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf *conf;
	struct sv all = sv_of(data, size), rest = all;
	struct sv first = sv_split(&rest, '\n'), domain;
	const struct clients_profile p = {first, rest, rest, first};
	struct buf out;
	unsigned status;

	if (conf == NULL)
		conf = configuration();
	buf_init(&out, 1 << 20);
	clients_discover(&server, all, 0, &out);
	must(buf_ok(&out) && out.n > 0);
	buf_reset(&out);
	status = clients_discover_json(&server, all, &out);
	must(status == 200 || status == 400 || status == 404);
	buf_reset(&out);
	(void)!clients_query(all, "emailaddress", &out);
	buf_reset(&out);
	if (clients_domain(conf, first, rest, &domain) == RC_OK) {
		clients_autoconfig(&server, domain, &out);
		must(buf_ok(&out));
	}
	buf_reset(&out);
	(void)!clients_profile(&server, &p, &out);
	buf_fini(&out);
	return 0;
}
