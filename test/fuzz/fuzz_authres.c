/*
 * Authentication-Results: any text can be read; a value from outside comes back
 * as it was, as one value, or was left out; what names us is found whatever
 * is around it; stripping takes only what is forged.
 */
#include <stddef.h>
#include <stdint.h>

#include "mail/field.h"
#include "msgauth/authres.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const ids[] = {"mx.us.test"};

static void
read_all(struct sv text)
{
	struct authres_reader r;
	struct authres_item it;
	struct sv t, p, v;
	int got;

	if (authres_reader_init(&r, text) == RC_OK)
		while ((got = authres_next(&r, &it)) == RC_OK)
			while (authres_next_prop(&r, &t, &p, &v) == RC_OK)
				must(p.n > 0);
	authres_reader_fini(&r);
}

static void
write_and_read(struct sv value)
{
	struct authres_writer w;
	struct authres_reader r;
	struct authres_item it;
	struct mail_field f;
	struct sv rest, t, p, v;
	struct buf b;
	int got;

	buf_init(&b, 1 << 16);
	authres_begin(&w, &b, ids[0], false);
	authres_method(&w, "spf", AUTH_PASS, NULL);
	authres_prop(&w, "smtp", "mailfrom", value);
	authres_method(&w, "dkim", AUTH_FAIL, "x y");
	authres_end(&w);
	rest = buf_sv(&b);
	must(mail_field_next(&rest, &f) && rest.n == 0);
	must(authres_is_forged(f.value, ids, 1));
	must(authres_reader_init(&r, f.value) == RC_OK);
	must(authres_next(&r, &it) == RC_OK);
	got = authres_next_prop(&r, &t, &p, &v);
	if (got == RC_OK) {
		must(sv_eq(v, value));
		must(authres_next_prop(&r, &t, &p, &v) == RC_EOF);
	}
	must(got == RC_OK || got == RC_EOF);
	must(authres_next(&r, &it) == RC_OK);
	must(sv_eq(it.method, SV("dkim")) && sv_eq(it.result, SV("fail")));
	must(authres_next(&r, &it) == RC_EOF);
	authres_reader_fini(&r);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size);
	struct buf once, twice;

	read_all(in);
	write_and_read(in);
	buf_init(&once, size + 1);
	buf_init(&twice, size + 1);
	(void)authres_strip(in, ids, 1, &once);
	must(buf_ok(&once) && once.n <= size);
	must(authres_strip(buf_sv(&once), ids, 1, &twice) == 0);
	must(sv_eq(buf_sv(&once), buf_sv(&twice)));
	buf_fini(&twice);
	buf_fini(&once);
	return 0;
}
