#include "cmd/command/json.h"

#include <stdio.h>

#include "base/clk.h"
#include "history/words.h"

#define LAST_SECOND 253402300799 /* of the year 9999 */

json_t *
command_json_text(struct sv s)
{
	struct buf b;
	json_t *j;

	buf_init(&b, 1 << 20);
	history_show(s, &b);
	j = json_stringn(b.p, b.n);
	buf_fini(&b);
	return j;
}

json_t *
command_json_time(int64_t ms, bool fine)
{
	char text[40], part[8] = "";
	struct clk_tm t;

	if (ms <= 0 || ms / 1000 > LAST_SECOND)
		return json_null();
	clk_civil(ms / 1000, &t);
	if (fine)
		(void)snprintf(part, sizeof part, ".%03d", (int)(ms % 1000));
	(void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%sZ",
	    t.year, t.month, t.day, t.hour, t.minute, t.second, part);
	return json_string(text);
}
