import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** As narrow as a phone: the same border as in the styles of the shell. */
export function useNarrow(): boolean {
  const query = matchMedia('(width <= 720px)');
  const isNarrow = useSignal(query.matches);
  useEffect(() => {
    const look = () => (isNarrow.value = query.matches);
    query.addEventListener('change', look);
    return () => query.removeEventListener('change', look);
  }, []);
  return isNarrow.value;
}
