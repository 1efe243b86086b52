import { useParams } from '@tanstack/react-router'

/** A part of the path; empty where the path has none of that name. */
export function useParam(name: string): string {
  const value: unknown = Object.entries(useParams({ strict: false })).find(([key]) => key === name)?.[1]
  return typeof value === 'string' ? value : ''
}
