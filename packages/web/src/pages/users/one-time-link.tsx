import { Button, Code, Group } from '@mantine/core'
import { Copy } from '../../components/copy.tsx'
import { Remark } from '../../components/section.tsx'
import type { Shapes } from '../../api-types.ts'
import { moment } from '../../words/time.ts'

/** A link that opens once, shown once. */
export function OneTimeLink({
  name,
  link,
  done,
}: {
  readonly name: string
  readonly link: Shapes['OneTimeLink']
  readonly done: () => void
}) {
  return (
    <>
      <Remark tone="warn">
        This is shown only now. Give it to {name} over a way that only {name} reads: whoever opens it sets the password.
        It ends {moment(link.expiresAt)}.
      </Remark>
      <Code block style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
        {link.url}
      </Code>
      <Group mt="md" gap="sm" justify="flex-end">
        <Copy text={link.url} />
        <Button onClick={done}>Done</Button>
      </Group>
    </>
  )
}
