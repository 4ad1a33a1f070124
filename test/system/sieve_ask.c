/*
 * sieve-ask FROM TO (SCRIPT MESSAGE)...: what each script decides about its
 * message, one action on a line, then "--"; errors begin with "!" (when it is
 * compiled) or "~".  Every mailbox exists, nothing is remembered.
 */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "sieve/sieve.h"

#define TEXT_MAX (16 << 20)

static bool
load(const char *path, struct buf *out)
{
	struct err err;

	buf_reset(out);
	if (io_read_file(path, out, &err) != RC_OK) {
		(void)fprintf(stderr, "sieve-ask: %s\n", err.text);
		return false;
	}
	return true;
}

static struct sv recipient;

static bool
is_mine(void *arg, struct sv address)
{
	(void)arg;
	return sv_ieq(address, recipient);
}

static int64_t
now(void *arg)
{
	(void)arg;
	return 1796040000;
}

static void
print(const struct sieve_result *r, struct buf *out)
{
	if (r->failed)
		buf_addf(out, "~ %u:%u %s\n", r->error.line, r->error.column,
		    r->error.text);
	for (size_t i = 0; i < r->n; i++) {
		sieve_action_print(&r->action[i], out);
		buf_addc(out, '\n');
	}
}

static int
ask(struct sv from, struct sv script, struct sv message, struct buf *out)
{
	static const struct sieve_host host = {.now = now, .is_mine = is_mine};
	static struct sieve_errors errors;
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sieve_message m = {.bytes = message,
	    .has_envelope = true,
	    .from = from,
	    .to = recipient,
	    .spam = -1};
	struct sieve_result r;
	struct sieve_script *s;

	o.limits.redirects = 32;
	if (sieve_compile(script, &o, &s, &errors) != RC_OK) {
		buf_addf(out, "! %u:%u %s\n", errors.e[0].line,
		    errors.e[0].column, errors.e[0].text);
		return 0;
	}
	if (sieve_run(&s, 1, &m, &host, NULL, &r) == RC_OK) {
		print(&r, out);
		sieve_result_fini(&r);
	}
	sieve_script_free(&s);
	return 0;
}

int
main(int argc, char **argv)
{
	struct buf script, message, out;
	int code = argc < 3;

	buf_init(&script, TEXT_MAX);
	buf_init(&message, TEXT_MAX);
	buf_init(&out, TEXT_MAX);
	for (int i = 3; i + 1 < argc && code == 0; i += 2) {
		recipient = sv_str(argv[2]);
		if (!load(argv[i], &script) || !load(argv[i + 1], &message))
			code = 1;
		else
			code = ask(sv_str(argv[1]), buf_sv(&script),
			    buf_sv(&message), &out);
		buf_adds(&out, "--\n");
	}
	(void)fwrite(out.p, 1, out.n, stdout);
	buf_fini(&out);
	buf_fini(&message);
	buf_fini(&script);
	return code;
}
