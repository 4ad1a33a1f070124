/* A configuration file, and lookups in what came out. */
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_up(const struct conf *c, struct sv address)
{
	const uint32_t *who = NULL;
	size_t n = 0, i;
	uint32_t a;

	if (conf_lookup(c, address, &who, &n) == RC_OK)
		for (i = 0; i < n; i++)
			must(who[i] < c->naccount);
	must(conf_lookup_why(c, address) != NULL);
	for (a = 0; a < c->naccount && a < 4; a++)
		(void)conf_may_send(c, a, address);
	must(conf_account_by_login(c, address) < (int)c->naccount);
}

static size_t
lines_of(struct sv s)
{
	size_t i, n = 0;

	for (i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

/* Whatever is hidden, lines keep their numbers. */
static void
mask(struct sv in)
{
	struct buf out;

	buf_init(&out, 8 * CONF_FILE_MAX);
	conf_mask(in, &out);
	must(!buf_ok(&out) || lines_of(buf_sv(&out)) == lines_of(in));
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	struct sv in = sv_of(data, size);
	struct buf text;
	size_t i, k;

	mask(in);
	if (conf_parse(in, "fuzz.yaml", &c, &e) == RC_OK) {
		must(c != NULL && c->naccount > 0 && c->ndomain > 0);
		for (i = 0; i < c->nalias; i++) {
			look_up(c, sv_str(c->alias[i].address));
			for (k = 0; k < c->alias[i].naccount; k++)
				must(c->alias[i].account[k] < c->naccount);
		}
		for (i = 0; i < c->ndomain; i++) {
			buf_init(&text, 1000);
			buf_addf(&text, "nobody+x@%s", c->domain[i].name);
			look_up(c, buf_sv(&text));
			buf_fini(&text);
		}
		look_up(c, in);
		look_up(c, SV("postmaster"));
	} else {
		must(c == NULL && e.n > 0);
		buf_init(&text, 1 << 20);
		conf_errors_print(&e, "fuzz.yaml", &text);
		buf_fini(&text);
	}
	conf_free(&c);
	return 0;
}
