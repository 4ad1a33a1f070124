/* A command line and the arguments of all commands that have some. */
#include <stddef.h>
#include <stdint.h>

#include "smtp/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct smtp_command *cmd;
	struct sv line = sv_of(data, size), args = line;
	struct smtp_mail m;
	struct mail_path p;
	struct buf plain;
	uint64_t chunk;
	bool last;

	cmd = smtp_command_find(line, &args);
	must(cmd == NULL || args.n < line.n);
	buf_init(&plain, 1024);
	if (smtp_mail_parse(args, &m) == SMTP_ARG_OK) {
		mail_path_plain(&m.path, &plain);
		must(m.path.null == (plain.n == 0));
	}
	if (smtp_rcpt_parse(args, &p) == SMTP_ARG_OK) {
		buf_reset(&plain);
		mail_path_plain(&p, &plain);
		must(plain.n > 0);
		/* Nothing of it breaks a line or ends an angle early. */
		must(sv_chr(buf_sv(&plain), '\r') == plain.n);
		must(sv_chr(buf_sv(&plain), '\n') == plain.n);
		must(sv_chr(buf_sv(&plain), '\0') == plain.n);
	}
	must(buf_ok(&plain));
	buf_fini(&plain);
	(void)smtp_bdat_parse(args, &chunk, &last);
	(void)smtp_helo_valid(args);
	return 0;
}
