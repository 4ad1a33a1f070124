/* Values of --json that several commands print. */
#ifndef CMD_COMMAND_JSON_H
#define CMD_COMMAND_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/sv.h"

/* What a stranger may have written: valid UTF-8, fit for a terminal. */
json_t *command_json_text(struct sv s);
/* A time in ms since 1970, as RFC 3339 has it, UTC; null: there is none.  fine:
 * with its milliseconds. */
json_t *command_json_time(int64_t ms, bool fine);

#endif
