#include "cmd/command/sight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"
#include "cmd/command/command.h"
#include "cmd/supervisor/unit.h"
#include "ipc/line.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"

#define FILES_MAX 64

struct files {
	struct sight s[FILES_MAX];
	size_t n;
};

void
sight_files(const struct conf *conf, sight_fn *fn, void *arg)
{
	const struct conf_place nowhere = {0, 0};
	const struct sight some[] = {
	    {"data", conf->data, conf->data_at, LOOK_WRITE, false},
	    {"tls.certificate", conf->tls_certificate, conf->certificate_at,
		LOOK_READ, false},
	    {"tls.key", conf->tls_key, conf->key_at, LOOK_READ, false},
	    {"tls.acme.ca", conf->acme.ca, conf->acme.ca_at, LOOK_READ, false},
	    {"tls.acme.eab.secret_file", conf->acme.eab_secret_file,
		conf->acme.eab_at, LOOK_READ, false},
	    {"dns.root_hints", conf->dns.root_hints, nowhere, LOOK_READ, false},
	    {"dns.trust_anchor", conf->dns.trust_anchor, nowhere, LOOK_READ,
		false},
	    {"backup.folder", conf->backup.folder, conf->backup.folder_at,
		LOOK_WRITE, false},
	};
	size_t i;

	for (i = 0; i < sizeof some / sizeof some[0]; i++)
		if (some[i].path != NULL)
			fn(arg, &some[i], "");
	for (i = 0; i < conf->ndomain; i++) {
		const struct conf_domain *d = &conf->domain[i];
		const struct sight pair[] = {
		    {"domains.tls.certificate", d->tls_certificate,
			d->certificate_at, LOOK_READ, false},
		    {"domains.tls.key", d->tls_key, d->key_at, LOOK_READ,
			false}};

		if (d->tls_certificate == NULL)
			continue;
		fn(arg, &pair[0], "");
		fn(arg, &pair[1], "");
	}
	for (i = 0; i < conf->nrelay; i++) {
		const struct conf_relay *r = &conf->relay[i];
		const struct sight s = {"relay.password_file", r->password_file,
		    r->password_at, LOOK_READ, false};

		if (s.path != NULL)
			fn(arg, &s, "");
	}
}

/* Those that this process can use itself; of the others its own checks tell. */
static void
collect(void *arg, const struct sight *s, const char *text)
{
	struct files *f = arg;
	struct err err;

	(void)text;
	if (f->n < FILES_MAX && look_at_path(s->what, s->path, &err))
		f->s[f->n++] = *s;
}

static bool
is_of(const struct sight *s, const char *key)
{
	return strncmp(s->key, key, strlen(key)) == 0;
}

/* With the server's own eyes. */
static unsigned
ask(int fd, struct files *f, sight_fn *fn, void *arg)
{
	struct look_ask asked = {.file = xcalloc(f->n + 1, sizeof *asked.file)};
	char text[ERR_TEXT_MAX];
	struct look_done done;
	unsigned missing = 0;
	struct msg m, reply;
	size_t i;

	for (i = 0; i < f->n; i++)
		asked.file[asked.n++] = (struct look_file){
		    (uint8_t)f->s[i].what, sv_str(f->s[i].path)};
	msg_init(&m, CMD_LOOK);
	look_ask_put(&m, &asked);
	free(asked.file);
	if (line_send_fd(fd, &m) != RC_OK || line_recv_fd(fd, &reply) != RC_OK)
		return 0;
	if (look_done_get(&reply, &done) != RC_OK)
		done = (struct look_done){.n = 0};
	for (i = 0; done.n == f->n && i < f->n; i++) {
		if (done.why[i].n == 0)
			continue;
		sv_copy(done.why[i], text, sizeof text);
		command_defuse(text, strlen(text), 0);
		/* A reload needs these. */
		f->s[i].refused = is_of(&f->s[i], "tls.") ||
				  is_of(&f->s[i], "domains.") ||
				  is_of(&f->s[i], "dns.");
		fn(arg, &f->s[i], text);
		missing++;
	}
	look_done_fini(&done);
	msg_fini(&reply);
	return missing;
}

/* By the unit that is installed. */
static unsigned
judge(struct files *f, sight_fn *fn, void *arg)
{
	char text[ERR_TEXT_MAX];
	unsigned missing = 0;
	struct unit u;
	struct err err;
	size_t i;

	unit_read(look_root(), &u);
	for (i = 0; i < f->n; i++) {
		struct sight *s = &f->s[i];

		if (s->what == LOOK_READ ? !unit_hides(&u, s->path, &err)
					 : !unit_forbids(&u, s->path, &err))
			continue;
		/* A start needs these. */
		s->refused = is_of(s, "data") || is_of(s, "dns.");
		(void)snprintf(
		    text, sizeof text, "%.100s: %.280s", s->path, err.text);
		fn(arg, s, text);
		missing++;
	}
	unit_fini(&u);
	return missing;
}

unsigned
sight_missing(
    const struct conf *conf, const char *config, sight_fn *fn, void *arg)
{
	struct files f = {.n = 0};
	unsigned missing = 0;
	int fd;

	sight_files(conf, collect, &f);
	fd = command_connect(conf, "debug.sock");
	if (fd >= 0)
		missing = ask(fd, &f, fn, arg);
	else if (strcmp(config, HM_CONFIG) == 0 || look_root()[0] != '\0')
		missing = judge(&f, fn, arg);
	io_close(&fd);
	return missing;
}
