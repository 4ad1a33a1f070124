/* What `check` says, for programs: its own words, with the file beside them. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/command/command.h"
#include "cmd/command/json.h"

#define OUTPUT_MAX (4u << 20)
#define WARNING	   SV("WARNING: ")

/* Has run(arg) print into a file of its own; -1: it could not. */
static int
run_into(struct buf *out, int (*run)(void *arg), void *arg)
{
	int fd = memfd_create("check", MFD_CLOEXEC);
	int out_before = dup(1), err_before = dup(2), code = -1;

	if (fd >= 0 && out_before >= 0 && err_before >= 0) {
		(void)fflush(stdout);
		(void)dup2(fd, 1);
		(void)dup2(fd, 2);
		code = run(arg);
		(void)fflush(stdout);
		(void)fflush(stderr);
		(void)dup2(out_before, 1);
		(void)dup2(err_before, 2);
		if (lseek(fd, 0, SEEK_SET) != 0 ||
		    io_read_rest(fd, out) != RC_OK)
			code = -1;
	}
	io_close(&err_before);
	io_close(&out_before);
	io_close(&fd);
	return code;
}

/* "FILE:LINE:COLUMN: text" or "FILE:LINE: text": takes what is before the
 * text; 0: it is about no line. */
static uint64_t
take_place(struct sv *s, const char *config)
{
	struct sv rest = *s;
	uint64_t line, column;

	if (!sv_starts(rest, sv_str(config)))
		return 0;
	rest = sv_skip(rest, strlen(config));
	if (rest.n == 0 || rest.p[0] != ':')
		return 0;
	rest = sv_skip(rest, 1);
	if (sv_to_u64(sv_split(&rest, ':'), 1u << 30, &line) != RC_OK)
		return 0;
	if (rest.n > 0 && rest.p[0] != ' ' &&
	    sv_to_u64(sv_split(&rest, ':'), 1u << 30, &column) != RC_OK)
		return 0;
	*s = sv_trim(rest);
	return line;
}

/* What is to be mended: what is about a line, and warnings. */
static json_t *
findings(struct sv output, const char *config, bool refused)
{
	json_t *all = json_array();

	while (output.n > 0) {
		struct sv text = sv_trim(sv_split(&output, '\n'));
		bool warning = sv_starts(text, WARNING);
		uint64_t line;

		if (warning)
			text = sv_skip(text, WARNING.n);
		line = take_place(&text, config);
		if (text.n > 0 && (warning || line > 0 || refused))
			(void)json_array_append_new(all,
			    json_pack("{s:I, s:o, s:b}", "line",
				(json_int_t)line, "text",
				command_json_text(text), "warning", warning));
	}
	return all;
}

/* Line by line: what cannot be shown there becomes question marks. */
static json_t *
shown(struct sv text)
{
	struct buf b;
	json_t *j;

	buf_init(&b, 8 * CONF_FILE_MAX);
	while (text.n > 0) {
		json_t *line = command_json_text(sv_split(&text, '\n'));

		buf_adds(&b, json_string_value(line));
		buf_addc(&b, '\n');
		json_decref(line);
	}
	j = json_stringn(b.p != NULL ? b.p : "", b.n);
	buf_fini(&b);
	return j;
}

int
check_print_json(const char *config, int (*run)(void *arg), void *arg)
{
	struct buf output, text, masked;
	struct err err;
	json_t *j;
	int code;

	buf_init(&output, OUTPUT_MAX);
	buf_init(&text, CONF_FILE_MAX);
	buf_init(&masked, 8 * CONF_FILE_MAX);
	code = run_into(&output, run, arg);
	if (code < 0)
		code =
		    command_fail("check", EXIT_FAILED, "%s", strerror(errno));
	if (io_read_file(config, &text, &err) == RC_OK)
		conf_mask(buf_sv(&text), &masked);
	j = json_pack("{s:s, s:b, s:o, s:o, s:o}", "file", config, "fine",
	    code == EXIT_FINE, "findings",
	    findings(buf_sv(&output), config, code != EXIT_FINE), "output",
	    shown(buf_sv(&output)), "text", shown(buf_sv(&masked)));
	(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	puts("");
	json_decref(j);
	buf_wipe(&masked);
	buf_wipe(&text);
	buf_fini(&output);
	return code;
}
