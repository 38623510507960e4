/** Colours without the hash, as office formats want them. */
export const INK = '1F2933';
export const MUTED = '616E7C';
export const RULE = 'CBD2D9';
export const PAPER = 'F5F7FA';
export const ACCENT = '0B4F6C';

/** Colours of series, told apart also by people who do not see red and green as different. */
export const SERIES = ['0B4F6C', 'E07A1F', '3A9E8F', '8A5AA6', 'B23A48', '7A8B99'] as const;

export const seriesColor = (index: number): string => SERIES[index % SERIES.length] ?? ACCENT;
