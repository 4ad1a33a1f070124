/* For test_clients_setup.py: what a configuration makes of a question of a mail
 * program.  clients-show CONFIG autoconfig HOST ADDRESS | discover ADDRESS |
 * page ADDRESS */
#include <stdio.h>
#include <string.h>

#include "clients/clients.h"

static int
show(const struct conf *c, int argc, char **argv, struct buf *out)
{
	const char *what = argv[2];
	struct sv arg = sv_str(argv[3]), domain;
	struct clients_server s;
	struct buf body;

	clients_server_of(c, &s);
	if (strcmp(what, "autoconfig") == 0 && argc == 5) {
		if (clients_domain(c, arg, sv_str(argv[4]), &domain) != RC_OK)
			return 3;
		clients_autoconfig(&s, domain, out);
	} else if (strcmp(what, "discover") == 0) {
		buf_init(&body, 4096);
		buf_addf(&body,
		    "<Autodiscover><Request><EMailAddress>%s</EMailAddress>"
		    "</Request></Autodiscover>",
		    argv[3]);
		clients_discover(&s, buf_sv(&body), 0, out);
		buf_fini(&body);
	} else if (strcmp(what, "page") == 0) {
		clients_page(&s, arg, out);
	} else {
		return 2;
	}
	return buf_ok(out) ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;
	struct buf text, out;
	int code = 2;

	if (argc < 4)
		return code;
	buf_init(&text, CONF_FILE_MAX);
	buf_init(&out, 1 << 20);
	if (conf_load(argv[1], &text, &conf, &errors) == RC_OK)
		code = show(conf, argc, argv, &out);
	fputs(out.p, stdout);
	buf_fini(&out);
	buf_fini(&text);
	conf_free(&conf);
	return code;
}
