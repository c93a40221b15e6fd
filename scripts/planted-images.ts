import type { Random } from '../src/core/random.js';

/** How far an image strays from its taste, in units of the distance of tastes: some images of two tastes look alike. */
const NOISE = 1;
/** What all images share, as in CLIP's space, where any two have much in common. */
const COMMON = 1;
const MOST_IMAGES = 6; // of one user, at least one

/**
 * Invented CLIP-like vectors of posted images: each taste has a direction of its own, and an image is what all images
 * share, its taste and noise. Unit length, like CLIP's.
 */
export class PlantedImages {
  private readonly common: Float32Array;
  private readonly tastes: readonly Float32Array[];
  private readonly draws: Random;

  constructor(
    numTastes: number,
    private readonly dim: number,
    random: Random,
  ) {
    this.draws = random.fork('images');
    const direction = (draws: Random) => Float32Array.from({ length: dim }, () => draws.normal() / Math.sqrt(dim));
    this.common = direction(random.fork('common'));
    this.tastes = Array.from({ length: numTastes }, (_, t) => direction(random.fork('taste', t)));
  }

  /** The images of one user, one or several. */
  ofUser(user: number, taste: number): Float32Array[] {
    const draws = this.draws.fork(user);
    return Array.from({ length: 1 + draws.below(MOST_IMAGES) }, () => {
      const image = Float32Array.from(
        this.common,
        (shared, d) => COMMON * shared + this.tastes[taste][d] + (NOISE * draws.normal()) / Math.sqrt(this.dim),
      );
      const length = Math.hypot(...image);
      return image.map((value) => value / length);
    });
  }
}
