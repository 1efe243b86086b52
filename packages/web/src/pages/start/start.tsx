import { Button } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useUrl } from '../../address/use-url.ts'
import { Icon } from '../../components/icon.tsx'
import { JobProgress } from '../../components/job-progress.tsx'
import { Loading } from '../../components/loading.tsx'
import { PageBody } from '../../components/page.tsx'
import { activeJobsQuery, deploymentsQuery, latestJobsQuery } from '../../data/jobs.ts'
import { discoveredQuery, plantQuery, stagesQuery } from '../../data/model.ts'
import { usePlant } from '../../data/plants.ts'
import { jobKinds } from '../../words/states.ts'
import classes from './start.module.css'
import { StepBody } from './step-body.tsx'
import { doneSteps, nextStep, type Step, steps } from './steps.ts'

const titles: Readonly<Record<Step, { readonly title: string; readonly why: string }>> = {
  plant: { title: 'Make a plant', why: 'A plant is one text: who is in it, who may talk to whom, how well protected.' },
  discover: { title: 'Discover devices', why: 'Addresses are asked who is there. Nothing is written to any device.' },
  group: {
    title: 'Group into zones',
    why: 'A zone holds devices that trust each other. Between zones nothing crosses without a conduit.',
  },
  learn: {
    title: 'Learn conduits',
    why: 'The devices’ own tables tell who talks to whom today. From that comes a proposal, which you look at before it is saved.',
  },
  'dry-run': {
    title: 'Dry run',
    why: 'The model is compared with what was observed, and a plan reads every device. Still nothing is changed.',
  },
  deploy: {
    title: 'Deploy one zone',
    why: 'The smallest or least important zone first. Its devices get certificates and policy; plain ports stay open.',
  },
  verify: {
    title: 'Verify',
    why: 'Each device is read back and probed from outside: that it does what the model says, and refuses the rest.',
  },
  'go-on': {
    title: 'Go on, zone by zone',
    why: 'Protect the next zones, and close plain ports where everybody has moved.',
  },
}

/** The guided first hour. Where it stands follows from the plant itself, so that anybody can go on. */
export function Page() {
  const plant = usePlant()
  const [url, change] = useUrl()
  const summary = useQuery(plantQuery(plant))
  const discovered = useQuery(discoveredQuery(plant))
  const observations = useQuery(latestJobsQuery(plant, 'observe', 20))
  const plans = useQuery(latestJobsQuery(plant, 'plan', 20))
  const verifications = useQuery(latestJobsQuery(plant, 'verify', 20))
  const deployments = useInfiniteQuery(deploymentsQuery(plant))
  const stages = useQuery(stagesQuery(plant))
  const active = useQuery(activeJobsQuery(plant))
  const reading = [summary, discovered, observations, plans, verifications, deployments, stages]
  if (plant !== '' && reading.some(({ data, error }) => data === undefined && error === null)) {
    return (
      <PageBody title="First hour">
        <Loading />
      </PageBody>
    )
  }
  const answered = discovered.data?.items ?? []
  const done = doneSteps({
    plant: plant === '' ? undefined : summary.data,
    answered: answered.length,
    unassigned: answered.filter(({ state }) => state === 'new').length,
    observations: observations.data?.items ?? [],
    plans: plans.data?.items ?? [],
    deployments: deployments.data?.pages.flatMap(({ items }) => items) ?? [],
    verifications: verifications.data?.items ?? [],
    stages: stages.data?.items ?? [],
  })
  const next = nextStep(done)
  const step = steps.find((word) => word === url['step']) ?? next
  const number = steps.indexOf(step) + 1
  const after = steps[number]
  return (
    <PageBody
      title="First hour"
      lead={`From an unknown network to a zone that is deployed and verified. ${done.size} of ${steps.length} steps are done; you can stop and go on at any time.`}
    >
      <div className={classes['columns']}>
        <nav aria-label="Steps">
          <ol className={classes['steps']}>
            {steps.map((word, index) => (
              <li key={word}>
                <button
                  type="button"
                  className={classes['step']}
                  aria-current={word === step ? 'step' : undefined}
                  onClick={() => change({ step: word })}
                >
                  <span className={classes['mark']} data-done={done.has(word) || undefined}>
                    {done.has(word) ? <Icon name="check" size={14} /> : index + 1}
                  </span>
                  <span>
                    {titles[word].title}
                    <span className={classes['note']}>{done.has(word) ? 'Done' : word === next ? 'Next' : ''}</span>
                  </span>
                </button>
              </li>
            ))}
          </ol>
        </nav>
        <section className={classes['body']} aria-label={titles[step].title}>
          <h2>
            {number}. {titles[step].title}
          </h2>
          <p className={classes['why']}>{titles[step].why}</p>
          {(active.data?.items ?? []).map((job) => (
            <div key={job.id}>
              <p>
                {jobKinds[job.kind]}, asked for by {job.requestedBy}
              </p>
              <JobProgress job={job} />
            </div>
          ))}
          <StepBody step={step} plant={plant} />
          {done.has(step) && after !== undefined ? (
            <Button mt="lg" variant={step === next ? 'default' : 'filled'} onClick={() => change({ step: after })}>
              Next: {titles[after].title}
            </Button>
          ) : null}
        </section>
      </div>
    </PageBody>
  )
}
