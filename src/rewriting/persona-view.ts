import { z } from 'zod';
import { personaSchema } from '../personas/persona.js';

const { id, title, roleplay, interests, traits, aesthetics, demographics, facets } = personaSchema.shape;

/**
 * What rewriting reads of a persona. A file written by hand needs an id and a roleplay or a few interests; what else a
 * persona holds is left alone.
 */
export const personaViewSchema = z
  .object({
    id,
    title: title.default('Persona'),
    roleplay: roleplay.optional(),
    interests: interests.default([]),
    traits: traits.default([]),
    aesthetics: aesthetics.default([]),
    demographics: demographics.partial().optional(),
    facets: z
      .array(z.object({ title: facets.element.shape.title, weight: z.number().min(0).max(1).default(0) }))
      .default([]),
  })
  .refine((persona) => persona.roleplay !== undefined || persona.interests.length > 0, {
    message: 'needs a roleplay or interests',
  });

export type PersonaView = z.infer<typeof personaViewSchema>;
