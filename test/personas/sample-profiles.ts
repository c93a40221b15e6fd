import type { ClusterProfile, CorpusTotals } from '../../src/personas/evidence.js';

/** Made-up counts in the proportions of a real corpus: 100,000 users, a dozen clusters. */
export const CORPUS: CorpusTotals = { users: 100_000, memberships: 1_200_000 };

/** A cluster from `name: [share of members, users in the corpus, mean attention]`. */
function profile(
  cluster: number,
  users: number,
  nearest: readonly number[],
  subreddits: Record<string, readonly [number, number, number]>,
): ClusterProfile {
  return {
    cluster,
    users,
    interactions: users * 31,
    nearest,
    subreddits: Object.entries(subreddits).map(([name, [share, usersTotal, attention]]) => ({
      name,
      usersInCluster: Math.round(share * users),
      usersTotal,
      attentionMass: attention * users,
    })),
  };
}

const everywhere = { AskReddit: [0.5, 52_000, 0.06], funny: [0.3, 34_000, 0.03], pics: [0.25, 28_000, 0.02] } as const;

export const PROFILES: readonly ClusterProfile[] = [
  profile(0, 2400, [11, 1], {
    ...everywhere,
    programming: [0.48, 4100, 0.14],
    learnprogramming: [0.31, 3000, 0.09],
    rust: [0.22, 700, 0.08],
    linux: [0.27, 2200, 0.07],
    MechanicalKeyboards: [0.18, 1500, 0.05],
    cscareerquestions: [0.2, 1400, 0.04],
  }),
  profile(1, 1240, [9, 0], {
    ...everywhere,
    gardening: [0.62, 3500, 0.21],
    vegetablegardening: [0.31, 700, 0.09],
    Permaculture: [0.16, 300, 0.05],
    composting: [0.24, 420, 0.04],
    houseplants: [0.28, 2600, 0.06],
    Breadit: [0.19, 1200, 0.04],
    Cooking: [0.27, 5200, 0.04],
    woodworking: [0.12, 1900, 0.02],
  }),
  profile(2, 3100, [8, 3], {
    ...everywhere,
    soccer: [0.71, 6100, 0.22],
    PremierLeague: [0.36, 2100, 0.09],
    FantasyPL: [0.29, 1400, 0.08],
    unitedkingdom: [0.33, 3300, 0.05],
    CasualUK: [0.28, 2500, 0.04],
    formula1: [0.14, 2100, 0.03],
  }),
  profile(3, 860, [5, 7], {
    ...everywhere,
    kpop: [0.58, 900, 0.19],
    bangtan: [0.33, 420, 0.12],
    BlackPink: [0.21, 300, 0.06],
    KDRAMA: [0.17, 420, 0.04],
    AsianBeauty: [0.15, 600, 0.04],
    SkincareAddiction: [0.2, 3300, 0.03],
  }),
  profile(4, 1500, [10], {
    ...everywhere,
    CryptoCurrency: [0.66, 3900, 0.2],
    Bitcoin: [0.52, 3200, 0.14],
    ethereum: [0.28, 1100, 0.06],
    wallstreetbets: [0.31, 6900, 0.06],
    binance: [0.12, 260, 0.03],
  }),
  profile(5, 2050, [3, 7], {
    ...everywhere,
    anime: [0.6, 5200, 0.18],
    manga: [0.32, 2100, 0.08],
    OnePiece: [0.28, 2000, 0.08],
    Genshin_Impact: [0.19, 2100, 0.05],
    AnimeSketch: [0.09, 240, 0.02],
  }),
  profile(6, 900, [2], {
    ...everywhere,
    de: [0.64, 1500, 0.22],
    ich_iel: [0.48, 1200, 0.14],
    germany: [0.27, 700, 0.05],
    Finanzen: [0.22, 420, 0.06],
    berlin: [0.12, 260, 0.02],
  }),
  profile(7, 640, [5, 3], {
    ...everywhere,
    Warhammer40k: [0.55, 1400, 0.2],
    minipainting: [0.38, 500, 0.11],
    DnD: [0.36, 4100, 0.07],
    PrintedMinis: [0.12, 140, 0.03],
  }),
  profile(8, 730, [2], {
    ...everywhere,
    Zorvex: [0.41, 420, 0.16],
    TheQuillRoom: [0.33, 380, 0.1],
    blorbo_watch: [0.2, 210, 0.06],
  }),
  profile(9, 980, [1], {
    ...everywhere,
    gardening: [0.44, 3500, 0.12],
    Beekeeping: [0.38, 460, 0.16],
    homestead: [0.35, 900, 0.1],
    BackYardChickens: [0.27, 480, 0.08],
  }),
  profile(10, 560, [4], {
    ...everywhere,
    nursing: [0.74, 900, 0.33],
    Residency: [0.18, 380, 0.06],
    personalfinance: [0.3, 9100, 0.05],
    StudentNurse: [0.15, 160, 0.04],
  }),
  profile(11, 1700, [0], {
    ...everywhere,
    photography: [0.52, 3100, 0.17],
    AnalogCommunity: [0.27, 700, 0.09],
    itookapicture: [0.31, 1800, 0.06],
    EarthPorn: [0.26, 4200, 0.04],
    solotravel: [0.17, 1300, 0.04],
  }),
];
