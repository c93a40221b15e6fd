/**
 * The fields that dumps had over the years, in their order, with `$slots` where a value goes.
 *
 * A layout is text and not an object, because what matters about it is what an object hides: the order of keys, spaces,
 * `1706745600.0` against `1706745600`, and what is nested where. Slots hold the inside of strings, or bare values.
 */

export type Slot =
  | 'author'
  | 'authorId'
  | 'awards'
  | 'body'
  | 'createdUtc'
  | 'domain'
  | 'id'
  | 'isSelf'
  | 'linkId'
  | 'media'
  | 'nested'
  | 'numComments'
  | 'over18'
  | 'parentId'
  | 'permalink'
  | 'retrievedOn'
  | 'score'
  | 'selftext'
  | 'subreddit'
  | 'subredditId'
  | 'subscribers'
  | 'thumbnail'
  | 'title'
  | 'url';

export type SlotValues = Record<Slot, string>;

export interface Layout {
  readonly constants: readonly string[]; // [S + 1], the text around the slots
  readonly slots: readonly Slot[]; // [S]
}

export function compileLayout(text: string): Layout {
  const parts = text.split(/\$([a-zA-Z0-9]+)/);
  return {
    constants: parts.filter((_, i) => i % 2 === 0),
    slots: parts.filter((_, i) => i % 2 === 1) as Slot[],
  };
}

export function fillLayout(layout: Layout, values: SlotValues): string {
  const { constants, slots } = layout;
  let line = constants[0];
  for (let i = 0; i < slots.length; i++) line += values[slots[i]] + constants[i + 1];
  return line;
}

/** How a month of some years looked. Shares of variants sum to 1. */
export interface Era {
  readonly name: 'early' | 'middle' | 'recent';
  readonly ascii: boolean; // text beyond ASCII is escaped
  readonly comments: readonly Variant[];
  readonly submissions: readonly Variant[];
}

export interface Variant {
  readonly share: number;
  readonly text: string;
  readonly spaced: boolean;
}

export function eraOf(year: number): Era {
  return year < 2015 ? EARLY : year < 2020 ? MIDDLE : RECENT;
}

/** What can be unusual about one line. `full` is not. */
export type Shape = keyof typeof SHAPES;

const STRANGER = 'nobody_here_0000';

export const SHAPES = {
  full: (text: string) => text,
  deleted: (text: string) =>
    without(
      text,
      'author_flair_richtext',
      'author_flair_type',
      'author_fullname',
      'author_patreon_flair',
      'author_premium',
    ),
  withoutAuthor: (text: string) => without(text, 'author', 'author_fullname'),
  withoutSubreddit: (text: string) =>
    without(text, 'subreddit', 'subreddit_id', 'subreddit_name_prefixed', 'subreddit_subscribers'),
  withoutOptional: (text: string) => without(text, 'gilded', 'edited', 'distinguished', 'stickied'),
  keyTrap: (text: string) => text.replace('{', `{"note\\"author":"${STRANGER}",`), // a key that ends like ours
  crosspost: (text: string) =>
    text.replace(
      /("created_utc": ?\$createdUtc(?:\.0)?, ?)/,
      '$1"crosspost_parent":"t3_$linkId","crosspost_parent_list":[$nested],',
    ),
  subredditDetail: (text: string) => text.replace('"stickied":', `"sr_detail":${SUBREDDIT_DETAIL},"stickied":`),
  promotedPosts: (text: string) => text.replace('{', '{"ad_business":null,"ad_promoted_user_posts":[$nested],'),
  image: (text: string) => text.replace('"pwls":', `"post_hint":"image","preview":${PREVIEW},"pwls":`),
  authorNumber: (text: string) => text.replace(/(?<="author": ?)"\$author"/, '5'),
  subredditList: (text: string) => text.replace(/(?<="subreddit": ?)"\$subreddit"/, '["$$subreddit"]'),
  timeText: (text: string) => text.replace(/(?<="created_utc": ?)"?\$createdUtc(\.0)?"?/, '"yesterday"'),
} as const satisfies Record<string, (text: string) => string>;

const PREVIEW =
  '{"images":[{"source":{"url":"https://preview.example.org/$id.jpg?s=0","width":1080,"height":720},"resolutions":[{"url":"https://preview.example.org/$id.jpg?width=108","width":108,"height":72}],"variants":{},"id":"$id"}],"enabled":true}';

const SUBREDDIT_DETAIL =
  '{"banner_img":"","community_icon":"","created":1230000000.0,"created_utc":1230000000.0,"default_set":true,"display_name":"$subreddit","display_name_prefixed":"r/$subreddit","free_form_reports":true,"icon_size":null,"key_color":"","link_flair_enabled":true,"name":"t5_$subredditId","over_18":false,"previous_names":[],"primary_color":"","public_description":"Invented for tests","quarantine":false,"subreddit_type":"public","subscribers":$subscribers,"title":"$subreddit","url":"/r/$subreddit/","user_is_banned":null}';

/** A whole post inside another: its author, subreddit, time, score and age gate belong to somebody else. */
export const NESTED_POST: Readonly<Partial<SlotValues>> = {
  author: STRANGER,
  authorId: '9zzzz0',
  subreddit: 'NotThisOne',
  subredditId: '9zzz0',
  createdUtc: '1111111111',
  score: '99999',
  over18: 'true',
};

/** As `json.dumps` of Python writes it. Layout texts hold none of these sequences inside strings. */
function spaced(text: string): string {
  return text.replaceAll('":', '": ').replaceAll(',"', ', "');
}

/** Removes top-level keys with a scalar, slot or `[]` value that are not the last. */
function without(text: string, ...keys: string[]): string {
  for (const key of keys) text = text.replace(new RegExp(`"${key}": ?(?:"[^"]*"|\\[\\]|[^,"[\\]]*), ?`), '');
  return text;
}

function variant(share: number, text: string, style: { spaced?: boolean; float?: boolean } = {}): Variant {
  if (style.float) text = text.replaceAll(':$createdUtc,', ':$createdUtc.0,');
  return { share, text: style.spaced ? spaced(text) : text, spaced: style.spaced ?? false };
}

const EARLY: Era = {
  name: 'early',
  ascii: true,
  comments: [
    variant(
      0.7,
      '{"edited":false,"distinguished":null,"author_flair_text":null,"controversiality":0,"archived":true,"created_utc":"$createdUtc","retrieved_on":$retrievedOn,"ups":$score,"body":"$body","link_id":"t3_$linkId","id":"$id","author_flair_css_class":null,"parent_id":"$parentId","score":$score,"name":"t1_$id","author":"$author","gilded":0,"subreddit":"$subreddit","score_hidden":false,"subreddit_id":"t5_$subredditId","downs":0}',
    ),
    variant(
      0.15,
      '{"subreddit_id":"t5_$subredditId","edited":false,"subreddit":"$subreddit","body":"$body","parent_id":"$parentId","created_utc":"$createdUtc","controversiality":0,"archived":true,"name":"t1_$id","id":"$id","gilded":0,"score_hidden":false,"downs":0,"author":"$author","score":$score,"retrieved_on":$retrievedOn,"ups":$score,"link_id":"t3_$linkId","author_flair_text":null,"distinguished":null,"author_flair_css_class":null}',
    ),
    variant(
      0.15,
      '{"controversiality":0,"body":"$body","subreddit_id":"t5_$subredditId","link_id":"t3_$linkId","stickied":false,"subreddit":"$subreddit","score":$score,"ups":$score,"author_flair_css_class":null,"created_utc":$createdUtc,"author_flair_text":null,"author":"$author","id":"$id","edited":false,"parent_id":"$parentId","gilded":0,"distinguished":null,"retrieved_on":$retrievedOn}',
    ),
  ],
  submissions: [
    variant(
      0.8,
      '{"gilded":0,"name":"t3_$id","link_flair_css_class":null,"id":"$id","archived":true,"num_comments":$numComments,"author_flair_css_class":null,"saved":false,"over_18":$over18,"is_self":$isSelf,"from":null,"author":"$author","stickied":false,"from_id":null,"secure_media":null,"url":"$url","created":$createdUtc,"from_kind":null,"subreddit_id":"t5_$subredditId","score":$score,"edited":false,"quarantine":false,"domain":"$domain","hide_score":false,"created_utc":"$createdUtc","author_flair_text":null,"media_embed":{},"subreddit":"$subreddit","title":"$title","secure_media_embed":{},"downs":0,"thumbnail":"$thumbnail","distinguished":null,"link_flair_text":null,"permalink":"$permalink","ups":$score,"retrieved_on":$retrievedOn,"selftext":"$selftext","media":null}',
    ),
    variant(
      0.2,
      '{"archived":true,"author":"$author","author_flair_background_color":null,"author_flair_css_class":null,"author_flair_richtext":[],"author_flair_text":null,"author_flair_text_color":null,"author_flair_type":"text","brand_safe":true,"can_gild":true,"contest_mode":false,"created_utc":$createdUtc,"distinguished":null,"domain":"$domain","edited":false,"gilded":0,"hidden":false,"hide_score":false,"id":"$id","is_crosspostable":true,"is_reddit_media_domain":false,"is_self":$isSelf,"is_video":false,"link_flair_css_class":null,"link_flair_richtext":[],"link_flair_text":null,"link_flair_text_color":"dark","link_flair_type":"text","locked":false,"media":null,"media_embed":{},"no_follow":true,"num_comments":$numComments,"num_crossposts":0,"over_18":$over18,"parent_whitelist_status":"all_ads","permalink":"$permalink","retrieved_on":$retrievedOn,"rte_mode":"markdown","score":$score,"secure_media":null,"secure_media_embed":{},"selftext":"$selftext","send_replies":true,"spoiler":false,"stickied":false,"subreddit":"$subreddit","subreddit_id":"t5_$subredditId","subreddit_name_prefixed":"r/$subreddit","subreddit_type":"public","suggested_sort":null,"thumbnail":"$thumbnail","title":"$title","url":"$url","whitelist_status":"all_ads"}',
    ),
  ],
};

const MIDDLE_COMMENT =
  '{"author":"$author","author_created_utc":1300000000,"author_flair_background_color":"","author_flair_css_class":null,"author_flair_richtext":[],"author_flair_template_id":null,"author_flair_text":null,"author_flair_text_color":"dark","author_flair_type":"text","author_fullname":"t2_$authorId","author_patreon_flair":false,"body":"$body","can_gild":true,"can_mod_post":false,"collapsed":false,"collapsed_reason":null,"controversiality":0,"created_utc":$createdUtc,"distinguished":null,"edited":false,"gilded":0,"gildings":{"gid_1":0,"gid_2":0,"gid_3":0},"id":"$id","is_submitter":false,"link_id":"t3_$linkId","no_follow":true,"parent_id":"$parentId","permalink":"$permalink","quarantined":false,"removal_reason":null,"retrieved_on":$retrievedOn,"score":$score,"send_replies":true,"stickied":false,"subreddit":"$subreddit","subreddit_id":"t5_$subredditId","subreddit_name_prefixed":"r/$subreddit","subreddit_type":"public"}';

const MIDDLE_SUBMISSION =
  '{"archived":false,"author":"$author","author_created_utc":1300000000,"author_flair_background_color":"","author_flair_css_class":null,"author_flair_richtext":[],"author_flair_template_id":null,"author_flair_text":null,"author_flair_text_color":"dark","author_flair_type":"text","author_fullname":"t2_$authorId","author_patreon_flair":false,"can_gild":true,"can_mod_post":false,"category":null,"content_categories":null,"contest_mode":false,"created_utc":$createdUtc,"distinguished":null,"domain":"$domain","edited":false,"gilded":0,"gildings":{"gid_1":0,"gid_2":0,"gid_3":0},"hidden":false,"id":"$id","is_crosspostable":true,"is_meta":false,"is_original_content":false,"is_reddit_media_domain":false,"is_robot_indexable":true,"is_self":$isSelf,"is_video":false,"link_flair_background_color":"","link_flair_css_class":null,"link_flair_richtext":[],"link_flair_text":null,"link_flair_text_color":"dark","link_flair_type":"text","locked":false,"media":$media,"media_embed":{},"media_only":false,"no_follow":true,"num_comments":$numComments,"num_crossposts":0,"over_18":$over18,"parent_whitelist_status":"all_ads","permalink":"$permalink","pinned":false,"pwls":6,"quarantine":false,"removal_reason":null,"retrieved_on":$retrievedOn,"score":$score,"secure_media":$media,"secure_media_embed":{},"selftext":"$selftext","send_replies":true,"spoiler":false,"stickied":false,"subreddit":"$subreddit","subreddit_id":"t5_$subredditId","subreddit_name_prefixed":"r/$subreddit","subreddit_subscribers":$subscribers,"subreddit_type":"public","suggested_sort":null,"thumbnail":"$thumbnail","thumbnail_height":null,"thumbnail_width":null,"title":"$title","url":"$url","whitelist_status":"all_ads","wls":6}';

const MIDDLE: Era = {
  name: 'middle',
  ascii: false,
  comments: [
    variant(0.94, MIDDLE_COMMENT),
    variant(0.06, MIDDLE_COMMENT.replace('"created_utc":$createdUtc,', '"created_utc":"$createdUtc",')),
  ],
  submissions: [variant(1, MIDDLE_SUBMISSION)],
};

const RECENT_COMMENT =
  '{"_meta":{"retrieved_2nd_on":1790000000},"all_awardings":$awards,"approved_at_utc":null,"approved_by":null,"archived":false,"associated_award":null,"author":"$author","author_flair_background_color":null,"author_flair_css_class":null,"author_flair_richtext":[],"author_flair_template_id":null,"author_flair_text":null,"author_flair_text_color":null,"author_flair_type":"text","author_fullname":"t2_$authorId","author_is_blocked":false,"author_patreon_flair":false,"author_premium":false,"awarders":[],"banned_at_utc":null,"banned_by":null,"body":"$body","can_gild":false,"can_mod_post":false,"collapsed":false,"collapsed_because_crowd_control":null,"collapsed_reason":null,"collapsed_reason_code":null,"comment_type":null,"controversiality":0,"created":$createdUtc,"created_utc":$createdUtc,"distinguished":null,"downs":0,"edited":false,"gilded":0,"gildings":{},"id":"$id","is_submitter":false,"likes":null,"link_id":"t3_$linkId","locked":false,"mod_note":null,"mod_reason_by":null,"mod_reason_title":null,"mod_reports":[],"name":"t1_$id","no_follow":true,"num_reports":0,"parent_id":"$parentId","permalink":"$permalink","removal_reason":null,"replies":"","report_reasons":[],"retrieved_on":$retrievedOn,"saved":false,"score":$score,"score_hidden":false,"send_replies":true,"stickied":false,"subreddit":"$subreddit","subreddit_id":"t5_$subredditId","subreddit_name_prefixed":"r/$subreddit","subreddit_type":"public","top_awarded_type":null,"total_awards_received":0,"treatment_tags":[],"unrepliable_reason":null,"updated_on":$retrievedOn,"ups":$score,"user_reports":[]}';

const RECENT_SUBMISSION =
  '{"_meta":{"retrieved_2nd_on":1790000000},"all_awardings":$awards,"allow_live_comments":false,"approved_at_utc":null,"approved_by":null,"archived":false,"author":"$author","author_flair_background_color":null,"author_flair_css_class":null,"author_flair_richtext":[],"author_flair_template_id":null,"author_flair_text":null,"author_flair_text_color":null,"author_flair_type":"text","author_fullname":"t2_$authorId","author_is_blocked":false,"author_patreon_flair":false,"author_premium":false,"awarders":[],"banned_at_utc":null,"banned_by":null,"can_gild":false,"can_mod_post":false,"category":null,"clicked":false,"content_categories":null,"contest_mode":false,"created":$createdUtc,"created_utc":$createdUtc,"discussion_type":null,"distinguished":null,"domain":"$domain","downs":0,"edited":false,"gilded":0,"gildings":{},"hidden":false,"hide_score":false,"id":"$id","is_created_from_ads_ui":false,"is_crosspostable":true,"is_meta":false,"is_original_content":false,"is_reddit_media_domain":false,"is_robot_indexable":true,"is_self":$isSelf,"is_video":false,"likes":null,"link_flair_background_color":"#d3d6da","link_flair_css_class":"","link_flair_richtext":[],"link_flair_template_id":"00000000-0000-4000-8000-000000000000","link_flair_text":null,"link_flair_text_color":"dark","link_flair_type":"text","locked":false,"media":$media,"media_embed":{},"media_only":false,"mod_note":null,"mod_reason_by":null,"mod_reason_title":null,"mod_reports":[],"name":"t3_$id","no_follow":true,"num_comments":$numComments,"num_crossposts":0,"num_reports":0,"over_18":$over18,"parent_whitelist_status":"all_ads","permalink":"$permalink","pinned":false,"pwls":6,"quarantine":false,"removal_reason":null,"removed_by":null,"removed_by_category":null,"report_reasons":[],"retrieved_on":$retrievedOn,"saved":false,"score":$score,"secure_media":$media,"secure_media_embed":{},"selftext":"$selftext","send_replies":true,"spoiler":false,"stickied":false,"subreddit":"$subreddit","subreddit_id":"t5_$subredditId","subreddit_name_prefixed":"r/$subreddit","subreddit_subscribers":$subscribers,"subreddit_type":"public","suggested_sort":null,"thumbnail":"$thumbnail","thumbnail_height":null,"thumbnail_width":null,"title":"$title","top_awarded_type":null,"total_awards_received":0,"treatment_tags":[],"updated_on":$retrievedOn,"ups":$score,"upvote_ratio":1.0,"url":"$url","user_reports":[],"view_count":null,"visited":false,"whitelist_status":"all_ads","wls":6}';

const RECENT: Era = {
  name: 'recent',
  ascii: false,
  comments: [variant(0.92, RECENT_COMMENT), variant(0.08, RECENT_COMMENT, { spaced: true, float: true })],
  submissions: [
    variant(0.85, RECENT_SUBMISSION),
    variant(0.08, RECENT_SUBMISSION, { spaced: true, float: true }),
    variant(0.07, RECENT_SUBMISSION, { float: true }),
  ],
};

/** What nests inside posts: the plain recent post. */
export const NESTED_LAYOUT = compileLayout(RECENT_SUBMISSION);
