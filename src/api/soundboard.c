#include "api/req.h"
#include "model/routes.h"

/* Sounds that every guild has. An instance has none of its own; libraries (py-cord) ask before they are ready. */
int api_get_soundboard_default_sounds(struct req *req, struct soundboard_sound_list *out)
{
	(void)req;
	*out = (struct soundboard_sound_list){};
	return 0;
}
