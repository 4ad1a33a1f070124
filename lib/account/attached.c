#include "account/attached.h"

#include "attach/attach.h"

bool
account_attached(struct sv msg, struct buf *why)
{
	const struct mime_limits lim = MIME_LIMITS_DEFAULT;
	struct attach_findings f;
	struct mime_msg m;

	mime_parse(msg, &lim, &m);
	attach_look(msg, &m, &f);
	mime_msg_fini(&m);
	if (f.what != ATTACH_PROGRAM && f.what != ATTACH_SCRIPT)
		return false;
	buf_addf(why, "to the junk: %s is attached", attach_what_name(f.what));
	if (f.name[0] != '\0')
		buf_addf(why, ": %s", f.name);
	return true;
}
