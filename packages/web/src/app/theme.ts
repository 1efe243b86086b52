import {
  type CSSVariablesResolver,
  createTheme,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
} from '@mantine/core'

/** The one accent: a calm blue-green. Shade 7 carries white text, shade 3 dark text (both above 4.5:1). */
const accent: MantineColorsTuple = [
  '#e6f4f8',
  '#cfe6ee',
  '#a0cddc',
  '#6fb6cb',
  '#3f9db8',
  '#1f85a3',
  '#0f7390',
  '#0b6178',
  '#0a5165',
  '#073f4f',
]

/** Surfaces of the dark scheme: neutral with a little blue, so that states keep their colours. */
const dark: MantineColorsTuple = [
  '#e3e7ea',
  '#c3cad0',
  '#a3adb5',
  '#7d8892',
  '#4b555e',
  '#363f47',
  '#2a3138',
  '#1d2328',
  '#161b1f',
  '#101417',
]

const system = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "DejaVu Sans", Arial, sans-serif'
const fixed = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace'

/** What every page looks like. Spacing is one scale of four: 4, 8, 12, 16, 24 px. */
export const theme = createTheme({
  colors: { accent, dark },
  primaryColor: 'accent',
  primaryShade: { light: 7, dark: 3 },
  autoContrast: true,
  luminanceThreshold: 0.28,
  black: '#171c20',
  fontFamily: system,
  fontFamilyMonospace: fixed,
  headings: {
    fontFamily: system,
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '1.25rem', lineHeight: '1.75rem' },
      h2: { fontSize: '0.9375rem', lineHeight: '1.375rem' },
      h3: { fontSize: '0.875rem', lineHeight: '1.25rem' },
    },
  },
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.25rem' },
  lineHeights: { xs: '1.35', sm: '1.45', md: '1.5', lg: '1.5', xl: '1.5' },
  spacing: { xs: '0.25rem', sm: '0.5rem', md: '0.75rem', lg: '1rem', xl: '1.5rem' },
  radius: { xs: '2px', sm: '4px', md: '6px', lg: '8px', xl: '12px' },
  defaultRadius: 'sm',
  // Mantine takes the text of the light scheme for both; the accent of the dark one is light and needs dark text.
  variantColorResolver: (input) => {
    const colors = defaultVariantColorsResolver(input)
    const isPrimary = input.color === undefined || input.color === input.theme.primaryColor
    return input.variant === 'filled' && isPrimary
      ? { ...colors, color: 'var(--mantine-primary-color-contrast)' }
      : colors
  },
  respectReducedMotion: true,
  cursorType: 'pointer',
  components: {
    // The head of a dialog is no banner of the page.
    Drawer: { defaultProps: { attributes: { header: { role: 'presentation' } } } },
    Modal: { defaultProps: { attributes: { header: { role: 'presentation' } } } },
    ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray' } },
    Autocomplete: { defaultProps: { size: 'xs' } },
    Button: { defaultProps: { size: 'xs' } },
    Menu: { defaultProps: { shadow: 'md' } },
    NativeSelect: { defaultProps: { size: 'xs' } },
    Popover: { defaultProps: { shadow: 'md' } },
    SegmentedControl: { defaultProps: { size: 'xs' } },
    Select: { defaultProps: { size: 'xs' } },
    TextInput: { defaultProps: { size: 'xs' } },
    Tooltip: { defaultProps: { openDelay: 400, events: { hover: true, focus: true, touch: false } } },
  },
})

/**
 * Colours that have a meaning here, and those of Mantine that miss 4.5:1. `--state-*` are texts and shapes on the page's
 * own surfaces.
 */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--surface': '#ffffff',
    '--surface-sunken': '#f4f6f7',
    '--surface-raised': '#ffffff',
    '--line': '#d9dfe3',
    '--line-strong': '#87929b',
    '--mantine-color-body': '#ffffff',
    '--mantine-color-text': '#171c20',
    '--mantine-color-dimmed': '#545f68',
    '--mantine-color-placeholder': '#68737c',
    '--mantine-color-anchor': '#0b6178',
    '--mantine-color-default-border': '#c3cbd1',
    '--mantine-color-error': '#b3261e',
    '--state-good': '#1a6b37',
    '--state-part': '#1b5fa8',
    '--state-warn': '#8a5200',
    '--state-bad': '#b3261e',
    '--state-none': '#545f68',
  },
  dark: {
    '--surface': '#161b1f',
    '--surface-sunken': '#101417',
    '--surface-raised': '#1d2328',
    '--line': '#2f373e',
    '--line-strong': '#7d8892',
    '--mantine-color-body': '#161b1f',
    '--mantine-color-text': '#e3e7ea',
    '--mantine-color-dimmed': '#a3adb5',
    '--mantine-color-placeholder': '#8d98a1',
    '--mantine-color-anchor': '#6fb6cb',
    '--mantine-color-default-border': '#434d55',
    '--mantine-color-error': '#ff9b93',
    '--state-good': '#6fcf8e',
    '--state-part': '#85bbf5',
    '--state-warn': '#f2b65a',
    '--state-bad': '#ff9b93',
    '--state-none': '#a3adb5',
  },
})
