/* Header fields: walking, counting in pieces, decoding, parameters, dates. */
#include <stddef.h>
#include <stdint.h>

#include "mail/date.h"
#include "mail/field.h"
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv all = sv_of(data, size), rest = all;
	struct mail_field_counter c;
	struct mail_field f;
	struct buf out;
	size_t cut = size > 0 ? data[0] % size : 0;
	int64_t secs;
	int32_t zone;

	buf_init(&out, 16u << 20);
	while (mail_field_next(&rest, &f)) {
		must(f.whole.n >= f.name.n + f.value.n);
		buf_reset(&out);
		mime_decode_header(f.value, &out);
		buf_reset(&out);
		(void)mime_param(f.value, SV("name"), &out);
		if (mail_date_parse(f.value, &secs, &zone) == RC_OK) {
			must(zone > -1440 && zone < 1440);
			mail_date_print(secs, zone, &out);
		}
	}
	buf_reset(&out);
	mail_field_remove(all, SV("received"), &out);
	must(out.n <= size);
	must(mail_field_count(buf_sv(&out), SV("received")) == 0);
	/* In two pieces or in one, the count is the same. */
	mail_field_counter_init(&c, SV("received"));
	mail_field_counter_feed(&c, sv_first(all, cut));
	mail_field_counter_feed(&c, sv_skip(all, cut));
	cut = c.count;
	mail_field_counter_init(&c, SV("received"));
	mail_field_counter_feed(&c, all);
	must(c.count == cut);
	buf_fini(&out);
	return 0;
}
