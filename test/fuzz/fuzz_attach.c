/* Attachments of strangers: a file by itself, and a message with all of them.
 */
#include <stdint.h>
#include <stdlib.h>

#include "attach/attach.h"
#include "base/alloc.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mime_limits lim = MIME_LIMITS_DEFAULT;
	struct sv in = sv_of((const char *)data, size);
	struct attach_findings f;
	struct mime_msg m;
	struct buf msg;

	mime_parse(in, &lim, &m);
	attach_look(in, &m, &f);
	must(utf8_valid(sv_str(f.name)) && f.what < ATTACH_WHATS);
	mime_msg_fini(&m);
	/* As the only file of one, where archives come through whole. */
	buf_init(&msg, size + 256);
	buf_adds(&msg, "Content-Type: application/zip; name=a.zip\r\n"
		       "Content-Transfer-Encoding: binary\r\n\r\n");
	buf_addsv(&msg, in);
	mime_parse(buf_sv(&msg), &lim, &m);
	attach_look(buf_sv(&msg), &m, &f);
	must(utf8_valid(sv_str(f.name)));
	mime_msg_fini(&m);
	buf_fini(&msg);
	return 0;
}
