#include "codec/obj.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "bit sets and fixed fields of rows are little-endian");
_Static_assert(sizeof(struct any_list) == sizeof(struct u64_list) &&
		       sizeof(struct any_map) == sizeof(struct u64_map),
	       "lists and maps are alike whatever they hold");

const struct obj_desc *obj_variant(const struct obj_desc *desc, const void *obj)
{
	if (!desc->variant_count)
		return desc;
	const void *at = obj_at_const(obj, desc->tag->offset);
	for (uint32_t i = 0; i < desc->variant_count; i++) {
		const struct variant_desc *variant = &desc->variants[i];

		if (desc->tag->type->kind == TYPE_STRING) {
			if (str_eq(variant->text, *(const struct str *)at))
				return variant->desc;
		} else if (variant->number == *(const int64_t *)at) {
			return variant->desc;
		}
	}
	return NULL;
}
