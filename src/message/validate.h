/* Rules of a message's parts that one field alone cannot tell. Complaints go to the request's
 * form errors. */
#pragma once

#include "codec/dec.h"
#include "model/objects.h"

/* Embeds together: 6,000 characters; an empty embed is refused. Sets each type to "rich". False
 * when a complaint was made. */
bool validate_embeds(struct dec *dec, struct embed_list *embeds);
/* v1: rows of buttons or one select; v2: 40 in all, 4,000 characters; custom ids unique; ids
 * filled in where missing. */
bool validate_components(struct dec *dec, struct component_list *components, bool v2);
